"""A table as it is after a busy month: a million tasks with what lies beside them, made set-wise on either database."""

import uuid
from collections.abc import Callable, Iterator

from django.db import transaction

from bench import stopping
from tasks import database, failure_groups
from tasks.models import Queue, Task
from tasks.states import EventKind, FailureCategory, Outcome, Resolution
from tasks.states import TaskStatus as S

AT_ONCE = 100_000  # rows of one statement: between two, a signal is noticed
DAYS = 30  # that the history goes back
WAITING = 0.02  # of the tasks, the newest: what is not finished yet
HOLDER = uuid.UUID(int=0xB)
TABLES = "tasks_task, tasks_taskattempt, tasks_taskevent, tasks_tasklog, tasks_deadletter, tasks_failuregroup"

Progress = Callable[[float], None]

_FINAL = f"('{S.COMPLETED}', '{S.FAILED}', '{S.CANCELLED}')"
_CATEGORY = f"""CASE n %% 4 WHEN 0 THEN '{FailureCategory.TIMEOUT}' WHEN 1 THEN '{FailureCategory.HTTP_5XX}'
    WHEN 2 THEN '{FailureCategory.CONNECTION}' ELSE '{FailureCategory.CODE_ERROR}' END"""
_CLASS = "CASE n %% 4 WHEN 0 THEN 'ReadTimeout' WHEN 3 THEN 'KeyError' ELSE 'HTTPStatusError' END"
_MESSAGE = "'nothing came within 30 s from https://example.org/orders/' || n"
_TRACE = (
    "'Traceback (most recent call last): File taskyard/handlers.py, line 42, in call: response = await client.send()'"
)


def fill(count: int, progress: Progress) -> None:
    """Stores so many tasks, the oldest first as they come in life, their attempts, logs, dead letters and groups."""
    Queue.objects.bulk_create([Queue(name=name) for name in ("default", "http", "data")], ignore_conflicts=True)
    _add_workers()
    if database.is_postgresql():
        # None of this is a statement of the product's, and whoever measures may be stopped for a while.
        database.run("SET statement_timeout = 0")
        database.run("SET idle_in_transaction_session_timeout = 0")
    for first, last in _parts(count):
        with transaction.atomic():
            for statement in (_tasks, _attempts, _events, _logs, _letters):
                database.count(statement(_story(count)), [last, first])
        progress(0.9 * (count - first) / count)
    database.count(_notes())
    failure_groups.fold_changes()
    analyze()
    progress(1.0)


def analyze() -> None:
    """What autovacuum does after so many changes, where it runs; SQLite is never analysed by the product."""
    if database.is_postgresql():
        database.run(f"VACUUM ANALYZE {TABLES}")


def newest(**conditions: object) -> str:
    """Returns the id of a task that is not the very newest of its kind, where there are more."""
    return str(list(Task.objects.filter(**conditions).order_by("-created_at").values_list("id", flat=True)[:10])[-1])


def _parts(count: int) -> Iterator[tuple[int, int]]:
    """Yields the ages of the tasks from the oldest to the newest, which is 1."""
    for last in range(count, 0, -AT_ONCE):
        stopping.check()
        yield max(1, last - AT_ONCE + 1), last


def _add_workers() -> None:
    """They beat until long after the measurement: nothing that executes is started."""
    lines = '\'["default.plain", "http.async", "data.plain"]\''
    types = '\'{"http_request": "async", "data_processing": "plain", "sample.noop": "plain"}\''
    cast = "::jsonb" if database.is_postgresql() else ""
    database.count(
        'INSERT INTO tasks_worker (name, host, pid, "group", queues, types, means, release, processes, started_at, '
        "heartbeat_at) "
        + " UNION ALL ".join(
            f"SELECT 'w{number}@host', 'host', {100 + number}, 'default', {lines}{cast}, {types}{cast}, '{{}}'{cast}, "
            f"'1', 2, {database.clock()}, {database.clock_plus('7200')}"
            for number in range(8)
        )
    )


def _story(count: int) -> str:
    """SQL for the tasks of an age from the second parameter up to the first, the oldest first."""
    waiting, every = int(count * WAITING), DAYS * 86_400 / count
    status = f"""CASE WHEN n > {waiting} THEN
            CASE WHEN n %% 9 = 0 THEN '{S.FAILED}' WHEN n %% 100 = 1 THEN '{S.CANCELLED}' ELSE '{S.COMPLETED}' END
        WHEN n %% 40 = 0 THEN '{S.PROCESSING}' WHEN n %% 40 = 1 THEN '{S.QUEUED}' WHEN n %% 40 = 2 THEN '{S.SCHEDULED}'
        WHEN n %% 200 = 3 THEN '{S.RETRYING}' WHEN n %% 1000 = 4 THEN '{S.BLOCKED}' ELSE '{S.PENDING}' END"""
    kind = """CASE WHEN n %% 2 = 0 THEN 'http_request' WHEN n %% 5 = 0 THEN 'data_processing'
        ELSE 'sample.type' || (n %% 6) END"""
    took = """CASE WHEN n %% 2000 = 9 THEN 7200.0 WHEN n %% 50 = 9 THEN 60.0 + n %% 600
        ELSE (n * 7919 %% 2000) / 1000.0 END"""
    if database.is_postgresql():
        numbers = "SELECT n FROM generate_series(%s::bigint, %s, -1) AS n"
        at = f"clock_timestamp() - n * interval '{every:.3f} seconds'"
    else:
        numbers = """WITH RECURSIVE counted(n, first) AS (
            SELECT %s, %s UNION ALL SELECT n - 1, first FROM counted WHERE n > first) SELECT n FROM counted"""
        at = f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', -(n * {every:.3f}) || ' seconds')"
    return f"""(SELECT n, {_id("n")} AS id, {kind} AS type, {status} AS status, {at} AS at, {took} AS took,
        'w' || (n %% 8) || '@host' AS worker FROM ({numbers}) AS numbers) AS story"""


def _id(n: str) -> str:
    """SQL for a UUIDv7 that rises as the age falls, and is the same in each statement."""
    if database.is_postgresql():
        return f"(lpad(to_hex(1900000000000 - {n} * 1000), 12, '0') || '7abc8' || lpad(to_hex({n}), 15, '0'))::uuid"
    return f"printf('%%012x7abc8%%015x', 1900000000000 - {n} * 1000, {n})"


def _later(time: str, seconds: str) -> str:
    if database.is_postgresql():
        return f"{time} + ({seconds}) * interval '1 second'"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', {time}, ({seconds}) || ' seconds')"


def _tasks(story: str) -> str:
    if database.is_postgresql():
        payload = """jsonb_build_object('url', 'https://example.org/orders/' || n, 'method', 'POST',
            'json', jsonb_build_object('order_id', n, 'total', n %% 1000 + 0.5))"""
        holder, no, json = f"'{HOLDER}'::uuid", "false", "::jsonb"
    else:
        payload = """json_object('url', 'https://example.org/orders/' || n, 'method', 'POST',
            'json', json_object('order_id', n, 'total', n %% 1000 + 0.5))"""
        holder, no, json = f"'{HOLDER.hex}'", "0", ""
    tags = """CASE WHEN n %% 100 = 3 THEN '["nightly"]' WHEN n %% 5 = 0 THEN '["eu", "shop"]' ELSE '[]' END"""
    begun = f"status IN {_FINAL} OR status IN ('{S.PROCESSING}', '{S.RETRYING}')"
    return f"""INSERT INTO tasks_task (id, type, name, queue, priority, status, payload, payload_bytes, tags, timeout,
            retry, max_attempts, budget, attempt, uncounted, run_at, created_at, queued_at, started_at, finished_at,
            lease_expires_at, worker, incarnation, alone, suspect, losses, returns, progress_text, idempotency_hash)
        SELECT id, type, CASE WHEN n %% 5 = 0 THEN 'Order ' || n ELSE '' END,
            CASE type WHEN 'http_request' THEN 'http' WHEN 'data_processing' THEN 'data' ELSE 'default' END, n %% 10,
            status, {payload}, 110, ({tags}){json}, 300,
            '{{"kind": "exponential", "base": 1.0, "factor": 2.0, "max": 600.0, "jitter": true}}'{json}, 3, 3,
            CASE WHEN status = '{S.FAILED}' THEN 3 WHEN {begun} THEN 1 ELSE 0 END, 0,
            CASE WHEN status = '{S.SCHEDULED}' THEN {_later("at", "86400 * 30")} ELSE at END, at,
            CASE WHEN status = '{S.QUEUED}' OR {begun} THEN {_later("at", "0.5")} END,
            CASE WHEN {begun} THEN {_later("at", "1")} END,
            CASE WHEN status IN {_FINAL} THEN {_later("at", "1 + took")} END,
            CASE WHEN status = '{S.PROCESSING}' THEN {_later("at", "86400 * 30")} END,
            CASE WHEN {begun} THEN worker ELSE '' END, {holder}, {no}, {no}, 0, 0, '', ''
        FROM {story}"""


def _attempts(story: str) -> str:
    result = "jsonb_build_object('status', 200, 'order', n)" if database.is_postgresql() else (
        "json_object('status', 200, 'order', n)"
    )  # fmt: skip
    failed = f"status <> '{S.COMPLETED}'"
    return f"""INSERT INTO tasks_taskattempt (task_id, number, outcome, worker, started_at, finished_at, category,
            error_class, error_message, traceback, result)
        SELECT id, number, CASE WHEN {failed} THEN '{Outcome.FAILED}' ELSE '{Outcome.COMPLETED}' END, worker,
            {_later("at", "number * 0.3")}, {_later("at", "number * 0.3 + 0.2")},
            CASE WHEN {failed} THEN {_CATEGORY} ELSE '' END, CASE WHEN {failed} THEN {_CLASS} ELSE '' END,
            CASE WHEN {failed} THEN {_MESSAGE} ELSE '' END, CASE WHEN {failed} THEN {_TRACE} ELSE '' END,
            CASE WHEN NOT ({failed}) THEN {result} END
        FROM {story}, (SELECT 1 AS number UNION ALL SELECT 2 UNION ALL SELECT 3) AS numbers
        WHERE status IN ('{S.COMPLETED}', '{S.RETRYING}') AND number = 1 OR status = '{S.FAILED}'"""


def _events(story: str) -> str:
    return f"""INSERT INTO tasks_taskevent (task_id, at, kind, attempt, reason)
        SELECT id, at, '{EventKind.RETURNED}', 0, 'its message was lost' FROM {story} WHERE n %% 9 = 0"""


def _logs(story: str) -> str:
    fields = "'{}'::jsonb" if database.is_postgresql() else "'{}'"
    return f"""INSERT INTO tasks_tasklog (task_id, attempt, at, level, message, fields)
        SELECT id, 1, at, 'info', 'order ' || n || ' is called', {fields} FROM {story} WHERE n %% 3 = 0"""


def _letters(story: str) -> str:
    """A dead letter for each task that failed, nine of ten open, and a reprocessed one for some that went well then."""
    if database.is_postgresql():
        key, group = "gen_random_uuid()", "lpad(to_hex(number), 16, '0')"
    else:
        key, group = "lower(hex(randomblob(16)))", "printf('%%016x', number)"
    resolution = f"""CASE WHEN status = '{S.COMPLETED}' THEN '{Resolution.REPROCESSED}'
        WHEN n %% 10 = 0 THEN '{Resolution.DISCARDED}' ELSE '' END"""
    return f"""INSERT INTO tasks_deadletter (id, task_id, type, queue, category, error_class, message, traceback,
            fingerprint, attempts, body, created_at, announced_at, resolution, resolved_at)
        SELECT {key}, id, type, CASE type WHEN 'http_request' THEN 'http' ELSE 'default' END, {_CATEGORY}, {_CLASS},
            {_MESSAGE}, {_TRACE}, {group}, 3, '', died, died, resolution,
            CASE resolution WHEN '' THEN NULL ELSE died END
        FROM (SELECT story.*, {_later("at", "2")} AS died, {resolution} AS resolution,
                CASE WHEN n %% 2 = 0 THEN n %% 5 ELSE n * 31 %% 2000 END AS number
            FROM {story} WHERE status = '{S.FAILED}' OR (status = '{S.COMPLETED}' AND n %% 50 = 2)) AS letters"""


def _notes() -> str:
    """What the groups are made from: of the last week a note an hour, of all that was before it one."""
    hour, week = (
        ("date_trunc('hour', created_at)", "clock_timestamp() - interval '7 days'")
        if database.is_postgresql()
        else ("strftime('%%Y-%%m-%%d %%H', created_at)", "datetime('now', '-7 days')")
    )
    return f"""INSERT INTO tasks_failuregroupchange (fingerprint, at, queue, worker, died, closed)
        SELECT fingerprint, max(created_at), queue, 'w1@host', count(*), count(CASE WHEN resolution <> '' THEN 1 END)
        FROM tasks_deadletter GROUP BY fingerprint, queue, CASE WHEN created_at > {week} THEN {hour} END"""
