"""How fast work comes and goes, by queue: a look at the newest rows, which costs the same whatever the table holds."""

from dataclasses import dataclass, field
from typing import Any

from tasks import database
from tasks.states import TaskStatus

WINDOW = 300.0  # seconds
LATELY, ENOUGH = 60.0, 10  # the rate is that of the last minute where at least so many came in it
SAMPLE = 10_000  # rows: where more came in the window than these, the rates are of the time that these took


@dataclass(slots=True)
class Flow:
    """One direction. Where `is_cut`, a queue that has nothing in the sample may have had something before it."""

    seconds: float = WINDOW  # what the sample covers
    is_cut: bool = False
    by_queue: dict[str, int] = field(default_factory=dict)
    lately: dict[str, int] = field(default_factory=dict)

    def per_second(self, queue: str) -> float | None:
        """Returns tasks a second; None where the sample cannot tell."""
        found, lately = self.by_queue.get(queue, 0), self.lately.get(queue, 0)
        if self.is_cut and not found:
            return None
        # What was idle until a minute ago is not slow.
        return lately / min(LATELY, self.seconds) if lately >= ENOUGH else found / self.seconds

    def per_second_in_all(self) -> float:
        return sum(self.by_queue.values()) / self.seconds


@dataclass(slots=True)
class Flows:
    """What was submitted, and what was executed to its end; of that, what failed."""

    came: Flow
    went: Flow
    failed: dict[str, int]


def sample_sql(column: str, seconds: float) -> str:
    """SQL for the newest rows that have a time in the column within the last seconds, read off that column's index.

    The time is a value of its own: compared with a function, the index would be read to its end.
    """
    since = database.once(database.clock_plus(f"-{seconds:.0f}"))
    return f"""SELECT queue, status, started_at, {column} AS at FROM tasks_task
        WHERE {column} > {since} ORDER BY {column} DESC LIMIT {SAMPLE}"""


def read(seconds: float = WINDOW) -> Flows:
    """Reads both directions in one statement."""
    age = database.seconds_since("min(at)")
    since = database.once(database.clock_plus(f"-{LATELY:.0f}"))
    figures = f"count(*), {age}, count(CASE WHEN at > {since} THEN 1 END)"
    rows = database.run(
        f"""SELECT 'came', queue, '', {figures} FROM ({sample_sql("created_at", seconds)}) AS came GROUP BY queue
        UNION ALL
        SELECT 'went', queue, CASE WHEN started_at IS NULL THEN '{TaskStatus.CANCELLED.value}' ELSE status END,
            {figures} FROM ({sample_sql("finished_at", seconds)}) AS went GROUP BY 2, 3"""
    )
    came = [row for row in rows if row[0] == "came"]
    went = [row for row in rows if row[0] == "went"]
    # What was cancelled, or given up before an attempt, took no worker's time: it says nothing of how fast they are.
    executed = [row for row in went if row[2] != TaskStatus.CANCELLED]
    failed = [row for row in executed if row[2] == TaskStatus.FAILED]
    return Flows(_flow(came, came, seconds), _flow(went, executed, seconds), _by_queue(failed, 3))


def _flow(sample: list[tuple[Any, ...]], counted: list[tuple[Any, ...]], seconds: float) -> Flow:
    is_cut = sum(row[3] for row in sample) >= SAMPLE
    # Rows of one submission share their time: by less than a second of them nobody can judge.
    covered = max(1.0, *(float(row[4]) for row in sample)) if is_cut else seconds
    return Flow(covered, is_cut, _by_queue(counted, 3), _by_queue(counted, 5))


def _by_queue(rows: list[tuple[Any, ...]], column: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row[1]] = found.get(row[1], 0) + row[column]
    return found
