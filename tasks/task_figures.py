"""Counts of tasks by status and type, and of what failed: each reads a bounded number of rows off an index.

A count is exact up to COUNT_CAP; what is cut there is named in `at_least`, and is that much or more.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tasks import database, flow, selectors
from tasks.queue_figures import UNFINISHED, QueueFigures
from tasks.states import TaskStatus


@dataclass(slots=True)
class Counts:
    numbers: dict[str, int] = field(default_factory=dict)
    at_least: list[str] = field(default_factory=list)

    def note(self, name: str, found: int) -> None:
        self.numbers[str(name)] = min(found, selectors.COUNT_CAP)
        if found > selectors.COUNT_CAP:
            self._cut(name)

    def add(self, name: str, number: int, *, is_cut: bool) -> None:
        """Adds a number that may have been cut already."""
        self.numbers[str(name)] = self.numbers.get(str(name), 0) + number
        if is_cut:
            self._cut(name)

    def _cut(self, name: str) -> None:
        if name not in self.at_least:
            self.at_least.append(str(name))


def _is(status: TaskStatus) -> str:
    # Written out and not a parameter: the planner has to see that it fits a partial index.
    return f"status = '{status.value}'"


def _rows(condition: str, order: str, columns: str = "1") -> str:
    """SQL for the first rows of an index, one more than are counted."""
    return f"SELECT {columns} FROM tasks_task WHERE {condition} ORDER BY {order} LIMIT {selectors.COUNT_CAP + 1}"


def counts_by_status_and_queue(unfinished: Iterable[QueueFigures]) -> tuple[Counts, Counts]:
    """Returns how many tasks are in each status, with all of them as `total`, and how many each queue has.

    What is unfinished is known already. Completed tasks have no index of their own: they are counted, and what has
    ended of each queue, among the newest that ended.
    """
    by_status, by_queue = Counts(), Counts()
    for each in unfinished:
        waiting = {status: each.counts[status] for status in UNFINISHED}
        for status, number in waiting.items():
            by_status.add(status, number, is_cut=status in each.at_least)
        by_queue.add(each.name, sum(waiting.values()), is_cut=not each.at_least.isdisjoint(waiting))
    ended = _rows("finished_at IS NOT NULL", "finished_at DESC", "queue, status")
    alone = (TaskStatus.FAILED, TaskStatus.CANCELLED)
    rows = database.run(
        " UNION ALL ".join(
            [
                f"SELECT 'ended', queue, status, count(*) FROM ({ended}) AS found GROUP BY queue, status",
                f"SELECT 'total', '', '', count(*) FROM ({_rows('created_at IS NOT NULL', 'created_at')}) AS found",
                *(
                    f"SELECT 'alone', '', '{status.value}', count(*) FROM ({_rows(_is(status), 'created_at')}) AS found"
                    for status in alone
                ),
            ]
        )
    )
    is_cut = sum(row[3] for row in rows if row[0] == "ended") > selectors.COUNT_CAP
    by_status.add(TaskStatus.COMPLETED, 0, is_cut=is_cut)
    for what, queue, status, number in rows:
        if what == "ended":
            by_queue.add(queue, number, is_cut=is_cut)
        if what == "alone" or (what == "ended" and status == TaskStatus.COMPLETED):
            by_status.note(status, by_status.numbers.get(status, 0) + number)
        if what == "total":
            by_status.note("total", number)
    if is_cut:
        by_queue.at_least = list(by_queue.numbers)
    return by_status, by_queue


def counts_by_type() -> Counts:
    """Returns how many tasks there are of each type, found by leaps from one type to the next in their index."""
    rows = database.run(
        f"""WITH RECURSIVE types(name) AS (
            SELECT min(type) FROM tasks_task UNION ALL
            SELECT (SELECT min(type) FROM tasks_task WHERE type > types.name) FROM types WHERE types.name IS NOT NULL)
        SELECT name, (SELECT count(*) FROM ({_rows("type = types.name", "created_at")}) AS found)
        FROM types WHERE name IS NOT NULL ORDER BY name"""
    )
    counts = Counts()
    for name, number in rows:
        counts.note(name, number)
    return counts


def failed_by_queue() -> tuple[Counts, bool]:
    """Returns how many tasks of each queue are failed, of the newest; and whether there are more than those."""
    rows = database.run(
        f"""SELECT queue, count(*) FROM ({_rows(_is(TaskStatus.FAILED), "created_at DESC", "queue")}) AS found
        GROUP BY queue ORDER BY queue"""
    )
    return _by_name(rows)


def open_dead_letters_by_queue() -> tuple[Counts, bool]:
    """Returns the same of open dead letters; those without a queue are messages that named no task."""
    rows = database.run(
        f"""SELECT queue, count(*) FROM (SELECT queue FROM tasks_deadletter WHERE resolution = ''
        ORDER BY fingerprint LIMIT {selectors.COUNT_CAP + 1}) AS found GROUP BY queue ORDER BY queue"""
    )
    return _by_name(rows)


def _by_name(rows: list[tuple[Any, ...]]) -> tuple[Counts, bool]:
    counts = Counts()
    for name, number in rows:
        counts.note(name, number)
    is_cut = sum(row[1] for row in rows) > selectors.COUNT_CAP
    if is_cut:
        counts.at_least = list(counts.numbers)
    return counts, is_cut


def ended_since(moment: datetime) -> Counts:
    """Returns how many tasks were completed since then, among the newest that ended, and how many of the newest failed.

    Those that failed are looked for on their own: among all that ended they would soon be out of sight.
    """
    ended = f"""SELECT status, finished_at FROM tasks_task WHERE finished_at >= %s
        ORDER BY finished_at DESC LIMIT {selectors.COUNT_CAP + 1}"""
    failed = _rows(_is(TaskStatus.FAILED), "created_at DESC", "finished_at")
    parts = {
        TaskStatus.COMPLETED.value: f"SELECT count(*), count(CASE WHEN {_is(TaskStatus.COMPLETED)} THEN 1 END)"
        f" FROM ({ended}) AS ended",
        TaskStatus.FAILED.value: f"SELECT count(*), count(CASE WHEN finished_at >= %s THEN 1 END)"
        f" FROM ({failed}) AS failed",
    }
    since = database.stored_time(moment)
    counts = Counts()
    for status, (looked_at, found) in zip(
        parts, database.run(" UNION ALL ".join(parts.values()), [since] * 2), strict=True
    ):
        counts.numbers[status] = min(found, selectors.COUNT_CAP)
        if looked_at > selectors.COUNT_CAP:
            counts.at_least.append(status)
    return counts


def per_minute() -> dict[str, int]:
    """Returns what was submitted and what was executed to its end in a minute, at the rate of the last one."""
    flows = flow.read(60.0)
    return {
        "submitted": round(flows.came.per_second_in_all() * 60),
        "finished": round(flows.went.per_second_in_all() * 60),
    }
