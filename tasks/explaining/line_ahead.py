"""Who is before a task in its line, and what is running: counted no further than a cap, whatever waits."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from tasks import database
from tasks.models import Task
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.selectors import COUNT_CAP, SENDABLE, Line
from tasks.states import TaskStatus

_IN_LINE, _SENT = "in line", "sent"


@dataclass(frozen=True, slots=True)
class RunningGroup:
    """Tasks of one type that one process is executing."""

    worker: str
    process: str
    type: str
    tasks: int


@dataclass(slots=True)
class Ahead:
    """How many are before a task, by type: still in the database, and with the broker."""

    in_line: dict[str, int] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    is_capped: bool = False

    @property
    def tasks(self) -> int:
        return sum(self.in_line.values()) + sum(self.sent.values())

    @property
    def in_words(self) -> str:
        """Of those that were looked at, some may travel in another line: then there may be more than were counted."""
        return f"at least {min(self.tasks, COUNT_CAP):,}" if self.is_capped else f"{self.tasks:,}"


def running_groups() -> list[RunningGroup]:
    rows = database.run(
        f"""SELECT worker, incarnation, type, count(*) FROM (
            SELECT worker, incarnation, type FROM tasks_task
            WHERE status = '{TaskStatus.PROCESSING}' LIMIT {COUNT_CAP}) AS running
        GROUP BY worker, incarnation, type ORDER BY worker, incarnation, type"""
    )
    return [RunningGroup(worker, str(process), type_name, tasks) for worker, process, type_name, tasks in rows]


def ahead_of(task: Task, line: Line, now: datetime) -> Ahead:
    """Counts what the dispatcher sends before the task, and the broker gives to workers before it.

    Of what is in the database only the line's types count: the others travel in another one.
    """
    parts, values = _before_in_broker(task) if task.status == TaskStatus.QUEUED else _before_in_line(task, now)
    rows = database.run(
        f"""SELECT place, type, count(*) FROM (
            SELECT place, type FROM ({" UNION ALL ".join(parts)}) AS parts LIMIT {COUNT_CAP + 1}) AS ahead
        GROUP BY place, type""",
        values,
    )
    found = Ahead(is_capped=sum(row[2] for row in rows) > COUNT_CAP)
    for place, type_name, tasks in rows:
        if type_name in line.types:
            (found.in_line if place == _IN_LINE else found.sent)[type_name] = tasks
    return found


def _before_in_line(task: Task, now: datetime) -> tuple[list[str], list[Any]]:
    """All that is with the broker, and of each priority what is due before it, as priorities rise with waiting."""
    step = settings.PRIORITY_AGEING_SECONDS
    waited = max(0.0, (now - task.run_at).total_seconds())
    aged = min(HIGHEST_PRIORITY, task.priority + int(waited / step))
    parts = [_part(_SENT, f"status = '{TaskStatus.QUEUED}' AND queue = %s", 0)]
    values: list[Any] = [task.queue]
    for level in range(HIGHEST_PRIORITY, LOWEST_PRIORITY - 1, -1):
        same = now - timedelta(seconds=(aged - level) * step)  # due before this, it has come to the same priority
        higher = same - timedelta(seconds=step) if aged < HIGHEST_PRIORITY else None
        until = min(same, task.run_at) if higher is None else max(higher, min(same, task.run_at))
        due, more = ("run_at <= %s", [database.stored_time(until)])
        if until == task.run_at:
            # By the value in the row: SQLite's times are text, and hold fewer digits than Django makes of them.
            due = "(run_at, id) < ((SELECT run_at FROM tasks_task WHERE id = %s), %s)"
            more = [_id(task), _id(task)]
        parts.append(_part(_IN_LINE, f"{SENDABLE} AND queue = %s AND priority = {level} AND {due}", level + 1))
        values += [task.queue, *more]
    return parts, values


def _before_in_broker(task: Task) -> tuple[list[str], list[Any]]:
    is_queued = f"status = '{TaskStatus.QUEUED}' AND queue = %s"
    earlier = "(queued_at, id) < ((SELECT queued_at FROM tasks_task WHERE id = %s), %s)"
    parts = [
        _part(_SENT, f"{is_queued} AND priority > %s", 0),
        _part(_SENT, f"{is_queued} AND priority = %s AND {earlier}", 1),
    ]
    return parts, [task.queue, task.priority, task.queue, task.priority, _id(task), _id(task)]


def _part(place: str, where: str, number: int) -> str:
    return f"""SELECT * FROM (SELECT '{place}' AS place, type FROM tasks_task WHERE {where}
        LIMIT {COUNT_CAP + 1}) AS part_{number}"""


def _id(task: Task) -> Any:
    return task.id if database.is_postgresql() else task.id.hex
