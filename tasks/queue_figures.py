"""The figures of queues: what waits, since when, how fast it comes and goes, who serves it.

Admin, API and commands read them here, so that their numbers agree. All queues together cost a constant number of
statements, each of which reads a bounded number of rows: a million rows of a queue cost no more than the cap.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings

from tasks import database, flow, selectors
from tasks.models import Queue, Worker
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.selectors import SENDABLE
from tasks.states import BACKLOG, FINAL, Kind, TaskStatus

PARKED = "parked"
UNFINISHED = [status for status in TaskStatus.values if status not in FINAL]

_LEVELS = " UNION ALL ".join(f"SELECT {level} AS level" for level in range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1))


@dataclass(slots=True)
class QueueFigures:
    """Counts stop at `cap()`; `at_least` names those that did. Rates are tasks a second, None where nobody can tell."""

    name: str
    counts: dict[str, int] = field(default_factory=lambda: {**dict.fromkeys(UNFINISHED, 0), PARKED: 0})
    at_least: set[str] = field(default_factory=set)
    oldest_seconds: float | None = None  # since what waits longest was due; None where nothing can be sent
    in_per_second: float | None = 0.0
    out_per_second: float | None = 0.0
    failed: int = 0  # of what went out
    listening: int = 0  # processes of online workers: one may listen to both kinds of a queue
    processes: dict[Kind, int] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """What is due and not begun."""
        return sum(self.counts[status] for status in BACKLOG)

    @property
    def depth_is_capped(self) -> bool:
        return not self.at_least.isdisjoint(BACKLOG)

    @property
    def running(self) -> int:
        return self.counts[TaskStatus.PROCESSING]

    @property
    def sent(self) -> int:
        """What waits with the broker."""
        return self.counts[TaskStatus.QUEUED]

    @property
    def under_way(self) -> int:
        """What a concurrency limit counts: what runs and what may begin at any moment."""
        return self.running + self.sent

    @property
    def drain_seconds(self) -> float | None:
        """In how many seconds what waits now is worked off at the rate of late; None where nobody can tell, or never.

        Where the depth is capped it takes at least so long.
        """
        if not self.depth:
            return 0.0
        return self.depth / self.out_per_second if self.out_per_second else None

    @property
    def never_drains(self) -> bool:
        """Something waits, and nothing went out lately."""
        return self.depth > 0 and self.out_per_second == 0


def cap() -> int:
    """Returns how far is counted: as far as the lists do, and as far as the rule of overload needs."""
    return max(selectors.COUNT_CAP, settings.OVERLOAD_DEPTH, settings.OVERLOAD_DEPTH_IN_ALL)


def figures_of(queues: Iterable[Queue], workers: Iterable[Worker] | None = None) -> dict[str, QueueFigures]:
    """Returns the figures of each of these queues, by name. `workers` are the online ones, where they are at hand."""
    workers = selectors.online_workers() if workers is None else workers
    found = counts_of(queues)
    flows = flow.read()
    for name, figures in found.items():
        figures.in_per_second, figures.out_per_second = flows.came.per_second(name), flows.went.per_second(name)
        figures.failed = flows.failed.get(name, 0)
    _add_workers(found, workers)
    return found


def _add_workers(found: dict[str, QueueFigures], workers: Iterable[Worker]) -> None:
    for worker in workers:
        lines = selectors.lines_of([worker])
        for line in lines:
            if line.queue in found:
                processes = found[line.queue].processes
                processes[line.kind] = processes.get(line.kind, 0) + worker.processes
        for queue in {line.queue for line in lines} & found.keys():
            found[queue].listening += worker.processes


def counts_of(queues: Iterable[Queue]) -> dict[str, QueueFigures]:
    """Returns the same without rates and workers, in two statements."""
    found = {queue.name: QueueFigures(queue.name) for queue in queues}
    _read_backlog(found)
    _read_waiting(found)
    return found


@dataclass(slots=True)
class Picture:
    """All queues by name, their figures in the same order, and their sums."""

    queues: list[Queue]
    figures: list[QueueFigures]
    whole: QueueFigures


def picture() -> Picture:
    queues = list(Queue.objects.select_related("paused_by").order_by("name"))
    workers = selectors.online_workers()
    found = figures_of(queues, workers)
    figures = [found[queue.name] for queue in queues]
    return Picture(queues, figures, in_all(figures, processes=sum(worker.processes for worker in workers)))


def in_all(figures: Iterable[QueueFigures], *, processes: int) -> QueueFigures:
    """Returns the sums, and the oldest of all. `processes` are the workers': one listens to several queues."""
    whole = QueueFigures("", listening=processes)
    for each in figures:
        for name, number in each.counts.items():
            whole.counts[name] += number
        whole.at_least |= each.at_least
        whole.failed += each.failed
        whole.in_per_second = _sum(whole.in_per_second, each.in_per_second)
        whole.out_per_second = _sum(whole.out_per_second, each.out_per_second)
        if each.oldest_seconds is not None:
            whole.oldest_seconds = max(each.oldest_seconds, whole.oldest_seconds or 0.0)
    return whole


def _sum(total: float | None, more: float | None) -> float:
    # What a cut sample does not hold is too little to be seen in a sum.
    return (total or 0.0) + (more or 0.0)


def _read_backlog(found: dict[str, QueueFigures]) -> None:
    """Reads what is due and what runs, off the partial indexes of those states."""
    most = cap()
    counted = {
        TaskStatus.PENDING: _capped(SENDABLE, "priority DESC, run_at, id", most),
        PARKED: _capped(f"NOT (parked = '') AND {_is(TaskStatus.PENDING)}", "type", most),
        TaskStatus.QUEUED: _capped(_is(TaskStatus.QUEUED), "priority, queued_at", most),
        TaskStatus.PROCESSING: _capped(_is(TaskStatus.PROCESSING), "queue", most),
    }
    # Of each priority the first: they are sent in this order.
    firsts = f"""SELECT min(run_at) FROM (
            SELECT {_first(SENDABLE, "run_at, id")} AS run_at FROM ({_LEVELS}) AS levels UNION ALL
            SELECT {_first(_is(TaskStatus.QUEUED), "queued_at")} FROM ({_LEVELS}) AS levels) AS firsts"""
    rows = database.run(
        f"""SELECT name, {", ".join(counted.values())}, {database.seconds_since(f"({firsts})")}
        FROM tasks_queue AS q"""
    )
    for name, *numbers, oldest in rows:
        if name in found:
            figures = found[name]
            for word, number in zip(counted, numbers, strict=True):
                _note(figures, word, number, most)
            # What is parked is pending: of the two indexes each has its part.
            _note(figures, TaskStatus.PENDING, numbers[0] + numbers[1], most)
            figures.oldest_seconds = None if oldest is None else max(0.0, float(oldest))


def _read_waiting(found: dict[str, QueueFigures]) -> None:
    """Reads what is not due: its indexes know no queues, so that the first of all queues are counted."""
    most = cap()
    kinds = {
        "by_time": (f"({_is(TaskStatus.SCHEDULED)} OR {_is(TaskStatus.RETRYING)})", "run_at"),
        "by_others": (_is(TaskStatus.BLOCKED), "id"),
    }
    rows = database.run(
        " UNION ALL ".join(
            f"""SELECT '{kind}', queue, status, count(*) FROM (SELECT queue, status FROM tasks_task
            WHERE {condition} ORDER BY {order} LIMIT {most + 1}) AS {kind} GROUP BY queue, status"""
            for kind, (condition, order) in kinds.items()
        )
    )
    totals = {kind: sum(row[3] for row in rows if row[0] == kind) for kind in kinds}
    cut = [
        *([TaskStatus.SCHEDULED.value, TaskStatus.RETRYING.value] if totals["by_time"] > most else []),
        *([TaskStatus.BLOCKED.value] if totals["by_others"] > most else []),
    ]
    for _, name, status, number in rows:
        if name in found:
            _note(found[name], status, number, most)
    for figures in found.values():
        figures.at_least.update(cut)


def _note(figures: QueueFigures, word: str, number: int, most: int) -> None:
    figures.counts[str(word)] = min(number, most)
    if number > most:
        figures.at_least.add(str(word))


def _capped(condition: str, order: str, most: int) -> str:
    # In the index's own order: without it the planner may read the table for want of statistics.
    return f"""(SELECT count(*) FROM (SELECT 1 FROM tasks_task WHERE {condition} AND queue = q.name
        ORDER BY {order} LIMIT {most + 1}) AS counted)"""


def _first(condition: str, order: str) -> str:
    return f"""(SELECT run_at FROM tasks_task WHERE {condition} AND queue = q.name AND priority = levels.level
        ORDER BY {order} LIMIT 1)"""


def _is(status: TaskStatus) -> str:
    # Written out and not a parameter: the planner has to see that it fits a partial index.
    return f"status = '{status.value}'"
