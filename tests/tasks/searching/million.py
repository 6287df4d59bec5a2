"""A table as it is after months: a million tasks, stored by one statement on either database."""

from tasks import database
from tasks.states import FailureCategory, Outcome
from tasks.states import TaskStatus as S
from tests.tasks.rows import HOLDER

ROWS = 1_000_000
WAITING = ROWS // 50  # the newest: what is not finished yet; whatever else there is of it lies at the far end

# One row a second, the newest now. Of blocked ones there are a few, the oldest of all.
_STATUS = f"""CASE WHEN n > {ROWS} - 20 THEN '{S.BLOCKED}' WHEN n %% 1000 = 7 AND n < 100000 THEN '{S.RETRYING}'
    WHEN n <= {WAITING} THEN CASE n %% 40 WHEN 0 THEN '{S.PROCESSING}' WHEN 1 THEN '{S.QUEUED}'
        WHEN 2 THEN '{S.SCHEDULED}' ELSE '{S.PENDING}' END
    WHEN n %% 30 = 0 THEN '{S.FAILED}' WHEN n %% 100 = 1 THEN '{S.CANCELLED}' ELSE '{S.COMPLETED}' END"""
_TAGS = """CASE WHEN n %% 100 = 3 THEN '["nightly"]' ELSE '[]' END"""
_FINAL = f"('{S.COMPLETED}', '{S.FAILED}', '{S.CANCELLED}')"
_COLUMNS = """id, type, name, queue, priority, status, payload, payload_bytes, tags, timeout, retry, max_attempts,
    budget, attempt, uncounted, run_at, created_at, started_at, finished_at, lease_expires_at, worker, incarnation,
    alone, suspect, losses, returns, progress_text, idempotency_hash"""


def fill() -> None:
    """Stores the tasks, the oldest first as they come in life, and an attempt for each that failed."""
    if database.is_postgresql():
        series = f"SELECT n, now() - n * interval '1 second' AS at FROM generate_series({ROWS}, 1, -1) AS n"
        key = "(lpad(to_hex(1900000000000 - n * 1000), 12, '0') || '7abc8' || lpad(to_hex(n), 15, '0'))::uuid"
        later, holder, no = "at + (n %% 600) * interval '1 second'", f"'{HOLDER}'::uuid", "false"
        payload, tags = "jsonb_build_object('order_id', n)", f"CAST({_TAGS} AS jsonb)"
    else:
        series = f"""WITH RECURSIVE counted(n) AS (SELECT {ROWS} UNION ALL SELECT n - 1 FROM counted WHERE n > 1)
            SELECT n, strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', -n || ' seconds') AS at FROM counted"""
        key = "printf('%%012x7abc8%%015x', 1900000000000 - n * 1000, n)"
        later = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', at, (n %% 600) || ' seconds')"
        holder, no, payload, tags = f"'{HOLDER.hex}'", "0", "json_object('order_id', n)", _TAGS
    database.count(
        f"""INSERT INTO tasks_task ({_COLUMNS})
        SELECT {key}, CASE WHEN n %% 6 = 0 THEN 'http_request' ELSE 'sample.type' || (n %% 6) END,
            CASE WHEN n %% 5 = 0 THEN 'Order ' || n ELSE '' END,
            CASE WHEN n %% 10000 = 77 THEN 'rare' WHEN n %% 3 = 0 THEN 'http' ELSE 'default' END, n %% 10, status,
            {payload}, 20, {tags}, 60, '{{}}', 3, 3, 1, 0, at, at, {later},
            CASE WHEN status IN {_FINAL} THEN {later} END,
            CASE WHEN status = '{S.PROCESSING}' THEN {later} END, 'w' || (n %% 8) || '@host', {holder}, {no}, {no},
            0, 0, '', ''
        FROM (SELECT n, at, {_STATUS} AS status FROM ({series}) AS numbers) AS told"""
    )
    database.count(
        f"""INSERT INTO tasks_taskattempt (task_id, number, outcome, worker, started_at, finished_at, category,
            error_class, error_message, traceback)
        SELECT id, 1, '{Outcome.FAILED}', worker, started_at, started_at, '{FailureCategory.TIMEOUT}', 'ReadTimeout',
            'nothing for 30 s', '' FROM tasks_task WHERE status = '{S.FAILED}'"""
    )
