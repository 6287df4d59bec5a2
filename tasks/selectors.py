"""The reads that others share: a number and the list behind it come from the same function."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from tasks import database, topology
from tasks.classifying import RuleFacts
from tasks.models import FailureRule, Queue, Task, TaskAttempt, Worker
from tasks.states import Kind, TaskStatus

# --- For the coordinator --------------------------------------------------------------------------------------------

SENDABLE = f"status = '{TaskStatus.PENDING.value}' AND parked = ''"  # as the index has it


@dataclass(slots=True)
class Line:
    """One kind of one queue, as the online workers serve it."""

    queue: str
    kind: Kind
    processes: int = 0
    types: set[str] = field(default_factory=set)
    means: dict[str, float] = field(default_factory=dict)  # milliseconds

    @property
    def name(self) -> str:
        return topology.line(self.queue, self.kind)


@dataclass(slots=True)
class Candidate:
    id: uuid.UUID
    type: str
    priority: int
    size: int  # bytes of its payload
    suspect: bool


@dataclass(frozen=True, slots=True)
class QueueRules:
    """What may be started of a queue."""

    name: str
    paused: bool = False
    rate_limit: float | None = None  # tasks a second
    concurrency_limit: int | None = None

    @property
    def is_limited(self) -> bool:
        return self.rate_limit is not None or self.concurrency_limit is not None


def under_way(queue: str) -> tuple[int, int]:
    """Returns how many tasks of the queue are with the broker and how many are being executed."""
    rows = database.run(
        f"""SELECT (SELECT count(*) FROM tasks_task WHERE {_is(TaskStatus.QUEUED)} AND queue = %s),
            (SELECT count(*) FROM tasks_task WHERE {_is(TaskStatus.PROCESSING)} AND queue = %s)""",
        [queue, queue],
    )
    return rows[0][0], rows[0][1]


def types_seen(seconds: float) -> dict[str, set[str]]:
    """Returns what the workers of each queue knew that were heard of in the last seconds; nothing of other queues."""
    names = database.run(f"SELECT name FROM tasks_worker WHERE heartbeat_at > {database.clock_plus('-%s')}", [seconds])
    known: dict[str, set[str]] = {}
    for worker in Worker.objects.filter(pk__in=[row[0] for row in names]):
        for name in filter(topology.is_line, worker.queues):
            queue, kind = topology.split_line(name)
            known.setdefault(queue, set()).update(each for each, its_kind in worker.types.items() if its_kind == kind)
    return known


def online_lines() -> list[Line]:
    """Returns what the online workers listen to, with the types they know there and how long those take."""
    return lines_of(online_workers())


def online_workers() -> list[Worker]:
    return list(Worker.objects.filter(pk__in=online_worker_names()))


def lines_of(workers: Iterable[Worker]) -> list[Line]:
    """Returns what these workers listen to, by name."""
    lines: dict[str, Line] = {}
    for worker in workers:
        for name in filter(topology.is_line, worker.queues):
            queue, kind = topology.split_line(name)
            line = lines.setdefault(name, Line(queue, kind))
            line.processes += worker.processes
            line.types.update(type_name for type_name, its_kind in worker.types.items() if its_kind == kind)
            line.means.update(worker.means)
    return [lines[name] for name in sorted(lines)]


def online_worker_names() -> list[str]:
    """Returns the workers whose heartbeat is younger than WORKER_ONLINE_SECONDS by the database's clock."""
    rows = database.run(
        f"SELECT name FROM tasks_worker WHERE stopped_at IS NULL AND heartbeat_at > {database.clock_plus('-%s')}",
        [settings.WORKER_ONLINE_SECONDS],
    )
    return [row[0] for row in rows]


def queue_names() -> list[str]:
    return list(Queue.objects.values_list("name", flat=True))


def queues_with_pending() -> set[str]:
    rows = database.run(
        f"""SELECT name FROM tasks_queue
        WHERE EXISTS (SELECT 1 FROM tasks_task WHERE {SENDABLE} AND queue = tasks_queue.name)"""
    )
    return {row[0] for row in rows}


def recently_queued(seconds: float) -> list[uuid.UUID]:
    rows = database.run(
        f"SELECT id FROM tasks_task WHERE {_is(TaskStatus.QUEUED)} AND queued_at > {database.clock_plus('-%s')}",
        [seconds],
    )
    return database.ids_of(rows)


def seconds_until_due() -> float:
    """Returns the time until the next scheduled or retrying task is due; a minute where there is none."""
    if database.is_postgresql():
        ahead = "extract(epoch FROM run_at - clock_timestamp())"
    else:
        ahead = "(julianday(run_at) - julianday('now')) * 86400.0"
    waiting = f"({_is(TaskStatus.SCHEDULED)} OR {_is(TaskStatus.RETRYING)})"
    # Not `min`, for which the planner has a second way that it takes where it expects few rows.
    rows = database.run(f"SELECT {ahead} FROM tasks_task WHERE {waiting} ORDER BY run_at LIMIT 1")
    return max(0.0, float(rows[0][0])) if rows else 60.0


def lost_messages(line: Line, *, queue_is_gone: bool, broker_is_empty: bool, patience: float) -> list[uuid.UUID]:
    """Returns queued tasks of the line that no message can serve any more (reference: protocol rule F18).

    That is so where the broker queue is gone; where it has consumers and nothing ready and the row is older than its
    patience; or where a row of the same priority that was queued `patience` seconds later has been claimed. Patience
    is in seconds and doubles with each return.
    """
    types = sorted(line.types)
    if not types:
        return []
    of_types = f"type IN ({', '.join('%s' for _ in types)})"
    due = "t.queued_at < " + database.clock_plus("-%s * (1 << CASE WHEN t.returns > 10 THEN 10 ELSE t.returns END)")
    if queue_is_gone or broker_is_empty:
        rows = database.run(
            f"""SELECT t.id FROM tasks_task t WHERE t.{_is(TaskStatus.QUEUED)} AND t.queue = %s AND t.{of_types}
            AND {"t.queued_at IS NOT NULL" if queue_is_gone else due} ORDER BY t.id LIMIT 5000""",
            [line.queue, *types, *([] if queue_is_gone else [patience])],
        )
        return database.ids_of(rows)
    waits = f"t.{_is(TaskStatus.QUEUED)} AND t.queue = %s AND t.{of_types} AND {due}"
    first = f"SELECT 1 FROM tasks_task t WHERE {waits} ORDER BY t.priority, t.queued_at LIMIT 1"  # as the index has it
    if not database.run(first, [line.queue, *types, patience]):
        return []  # as it nearly always is: what follows reads all that was finished lately
    overtaken: list[uuid.UUID] = []
    for priority, newest in _claimed_lately(line.queue, types, patience):
        rows = database.run(
            f"""SELECT t.id FROM tasks_task t WHERE {waits} AND t.priority = %s
            AND t.queued_at < {_before("%s", patience)} ORDER BY t.id LIMIT 5000""",
            [line.queue, *types, patience, priority, newest],
        )
        overtaken += database.ids_of(rows)
    return overtaken


def _claimed_lately(queue: str, types: list[str], seconds: float) -> list[tuple[int, Any]]:
    """Returns by priority when the newest was queued of those that are processing or ended in the last seconds."""
    # What had waited long was sent with a higher priority than its own, and overtook nobody.
    claimed = f"""SELECT priority, queued_at FROM tasks_task
        WHERE queue = %s AND type IN ({", ".join("%s" for _ in types)}) AND queued_at IS NOT NULL
        AND {database.seconds_since("run_at")} - {database.seconds_since("queued_at")} < %s"""
    chosen = [queue, *types, settings.PRIORITY_AGEING_SECONDS]
    # As a value: of an expression the planner believes that a third of all that was ever finished is younger.
    since = database.stored_time(database.now() - timedelta(seconds=seconds))
    rows = database.run(
        f"""SELECT priority, max(queued_at) FROM ({claimed} AND {_is(TaskStatus.PROCESSING)}
            UNION ALL {claimed} AND finished_at > %s) AS claimed
        GROUP BY priority""",
        [*chosen, *chosen, since],
    )
    return [(row[0], row[1]) for row in rows]


def unknown_messages(queue: str, known: set[str], *, patience: float) -> list[uuid.UUID]:
    """Returns tasks of the queue that wait with the broker for longer than that and that no online worker knows."""
    rows = database.run(
        f"""SELECT id FROM tasks_task WHERE {_is(TaskStatus.QUEUED)} AND queue = %s
        AND type NOT IN ({", ".join("%s" for _ in known) or "''"}) AND queued_at < {database.clock_plus("-%s")}
        ORDER BY id LIMIT 5000""",
        [queue, *sorted(known), patience],
    )
    return database.ids_of(rows)


def any_exists(ids: list[uuid.UUID]) -> bool:
    return Task.objects.filter(id__in=ids).exists()


def _before(moment: str, seconds: float) -> str:
    if database.is_postgresql():
        return f"({moment}::timestamptz - interval '{seconds:.3f} seconds')"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', {moment}, '-{seconds:.3f} seconds')"


def _is(status: TaskStatus) -> str:
    # Written out and not a parameter: the planner has to see that it fits a partial index.
    return f"status = '{status.value}'"


# --- For workers ----------------------------------------------------------------------------------------------------


def failure_rules() -> list[RuleFacts]:
    """Returns the enabled rules in the order in which they are asked."""
    rows = FailureRule.objects.filter(enabled=True).order_by("order", "id")
    return [RuleFacts(*row) for row in rows.values_list(*RuleFacts._fields)]


# --- For people and programs ----------------------------------------------------------------------------------------

COUNT_CAP = 10_000

_PLAIN = re.compile(r"[\w .:-]+", re.ASCII)  # what no JSON writes with a backslash


def tasks() -> QuerySet[Task]:
    return Task.objects.select_related("created_by")


def has_tag(tag: str) -> Q:
    """Returns the condition that a task has the tag."""
    if database.is_postgresql():
        return Q(tags__contains=[tag])
    # Most have none, which is told without reading the JSON; and what is written one way only, by its letters.
    sql, params = "EXISTS (SELECT 1 FROM json_each(tasks_task.tags) WHERE value = %s)", [tag]
    if _PLAIN.fullmatch(tag):
        sql, params = f"instr(tasks_task.tags, %s) AND {sql}", [f'"{tag}"', tag]
    return Q(RawSQL(f"(tasks_task.tags <> '[]' AND {sql})", params, output_field=BooleanField()))  # noqa: S611


def types_in_use(limit: int) -> list[str]:
    """Returns the types that tasks have, up to the limit: on their index, it goes from one to the next."""
    rows = database.run(
        """WITH RECURSIVE found(type) AS (
            SELECT min(type) FROM tasks_task
            UNION ALL
            SELECT (SELECT min(type) FROM tasks_task WHERE type > found.type) FROM found WHERE found.type IS NOT NULL)
        SELECT type FROM found WHERE type IS NOT NULL LIMIT %s""",
        [limit],
    )
    return [row[0] for row in rows]


def newest_attempts(task_ids: list[uuid.UUID]) -> dict[uuid.UUID, TaskAttempt]:
    """Returns the newest finished attempt of each task that has one, in one query."""
    newest: dict[uuid.UUID, TaskAttempt] = {}
    for attempt in TaskAttempt.objects.filter(task_id__in=task_ids).order_by("task_id", "number"):
        newest[attempt.task_id] = attempt
    return newest


def capped_count(rows: QuerySet[Any]) -> tuple[int, bool]:
    """Returns the number of rows, counted no further than COUNT_CAP, and whether that cut it."""
    found = rows.order_by()[: COUNT_CAP + 1].count()
    return min(found, COUNT_CAP), found > COUNT_CAP
