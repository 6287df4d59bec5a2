"""Rows by the million, made by the database itself: what waits, and what has been done before."""

import uuid
from collections.abc import Callable, Iterator

from django.db import transaction

from bench import stopping
from tasks import database
from tasks.leadership import COORDINATOR
from tasks.states import Outcome
from tasks.states import TaskStatus as S

AT_ONCE = 100_000  # rows of one statement: between two, a signal is noticed
ATTEMPTS = 2  # of each finished task
DAYS = 30  # that the history goes back
HOLDER = uuid.UUID(int=0xB)

Progress = Callable[[float], None]

# A UUIDv7: the milliseconds, then what sets the rows of one millisecond apart.
_ID = """(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3)
    || '8' || substr(md5(n::text), 4, 15))::uuid"""
_COMMON = """id, type, name, queue, priority, payload, payload_bytes, tags, timeout, retry, max_attempts, budget,
    attempt, uncounted, worker, alone, suspect, losses, returns, progress_text, idempotency_hash, status, run_at,
    created_at"""
_RETRY = """'{"kind": "exponential", "base": 1.0, "factor": 2.0, "max": 600.0, "jitter": true}'"""


def add_pending(count: int, progress: Progress) -> None:
    """Stores so many pending no-ops, which nobody sees before all of them are there."""
    with transaction.atomic():
        for first, last in _parts(count, progress):
            database.run(
                f"""INSERT INTO tasks_task ({_COMMON})
                SELECT {_ID}, 'sample.noop', '', 'default', 5, jsonb_build_object('n', n), 12, '[]', 300, {_RETRY}, 3,
                    3, 0, 0, '', false, false, 0, 0, '', '', '{S.PENDING}', at, at
                FROM generate_series(%s::bigint, %s) AS n, LATERAL (SELECT clock_timestamp() AS at) AS moment""",
                [first, last],
            )
        analyze()
        database.notify_if_idle(COORDINATOR)


def add_history(count: int, progress: Progress) -> None:
    """Stores so many finished tasks with ATTEMPTS each, and a dead letter for those that failed, in order of time."""
    until = database.now()
    for first, last in _parts(count, progress):
        with transaction.atomic():
            for statement in (_FINISHED, _ATTEMPTS, _LETTERS):
                database.run(statement, [first, last, until, count])
    analyze()


def analyze() -> None:
    """What autovacuum does after so many changes, where it runs."""
    database.run("ANALYZE tasks_task, tasks_taskattempt, tasks_deadletter")


def _parts(count: int, progress: Progress) -> Iterator[tuple[int, int]]:
    for first in range(1, count + 1, AT_ONCE):
        stopping.check()
        yield first, min(count, first + AT_ONCE - 1)
        progress(min(1.0, (first + AT_ONCE) / count))


# Of a hundred tasks 96 are completed, two failed and two were cancelled; half of them call an address.
_STORY = f"""WITH story AS (
    SELECT n, at, {_ID} AS id,
        CASE WHEN n %% 100 < 96 THEN '{S.COMPLETED}' WHEN n %% 100 < 98 THEN '{S.FAILED}' ELSE '{S.CANCELLED}' END
            AS status,
        CASE WHEN n %% 2 = 0 THEN 'http_request' WHEN n %% 4 = 1 THEN 'sample.noop' ELSE 'sample.async_noop' END
            AS type,
        'w' || n %% 8 || '@host' AS worker
    FROM generate_series(%s::bigint, %s) AS n, LATERAL (
        SELECT %s - interval '1 hour' - (1 - n::float / %s) * interval '{DAYS} days' AS at) AS moment)
"""
_FINISHED = f"""{_STORY}
    INSERT INTO tasks_task ({_COMMON}, queued_at, started_at, finished_at, incarnation)
    SELECT id, type, '', CASE type WHEN 'http_request' THEN 'http' ELSE 'default' END, 5,
        jsonb_build_object('url', 'https://example.org/orders/' || n, 'method', 'POST'), 60, '[]', 300, {_RETRY}, 3, 3,
        {ATTEMPTS}, 0, worker, false, false, 0, 0, '', '', status, at, at, at + interval '2 s', at + interval '2.1 s',
        at + interval '2.2 s', '{HOLDER}'
    FROM story"""
_ATTEMPTS = f"""{_STORY}
    INSERT INTO tasks_taskattempt (task_id, number, outcome, worker, incarnation, started_at, finished_at, category,
        error_class, error_message, traceback, result)
    SELECT id, number, outcome, worker, '{HOLDER}', at + number * interval '1 s', at + number * interval '1.1 s',
        CASE outcome WHEN '{Outcome.FAILED}' THEN 'connection' ELSE '' END,
        CASE outcome WHEN '{Outcome.FAILED}' THEN 'ConnectTimeout' ELSE '' END,
        CASE outcome WHEN '{Outcome.FAILED}' THEN 'the server did not answer within 10 s: order ' || n ELSE '' END,
        CASE outcome WHEN '{Outcome.FAILED}' THEN repeat('  File "taskyard/handlers.py", line 42, in call', 4)
            ELSE '' END,
        CASE outcome WHEN '{Outcome.COMPLETED}' THEN jsonb_build_object('status', 200, 'order', n) END
    FROM story, generate_series(1, {ATTEMPTS}) AS number, LATERAL (
        SELECT CASE WHEN number < {ATTEMPTS} THEN '{Outcome.FAILED}' ELSE status END AS outcome) AS ended"""
_LETTERS = f"""{_STORY}
    INSERT INTO tasks_deadletter (id, task_id, type, queue, category, error_class, message, traceback, fingerprint,
        attempts, body, created_at, announced_at, resolution)
    SELECT gen_random_uuid(), id, type, 'default', 'connection', 'ConnectTimeout', 'the server did not answer', '',
        substr(md5((n %% 50)::text), 1, 16), {ATTEMPTS}, '', at, at, ''
    FROM story WHERE status = '{S.FAILED}'"""
