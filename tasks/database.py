"""Where the SQL of PostgreSQL and SQLite differs. Statements elsewhere are built from these parts and run on both."""

import json
import uuid
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

Row = dict[str, Any]

_SQLITE_NOW = "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now')"


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def clock() -> str:
    """SQL for the database's time now: not the transaction's start, which stands still."""
    return "clock_timestamp()" if is_postgresql() else _SQLITE_NOW


def clock_plus(seconds: str) -> str:
    """SQL for the time now plus an SQL expression in seconds, which may be negative."""
    if is_postgresql():
        return f"(clock_timestamp() + ({seconds}) * interval '1 second')"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', printf('%%.3f seconds', {seconds}))"


def aged(seconds: str) -> str:
    """SQL for the time that lay an SQL expression in seconds before the statement reached the database.

    For what a process gives as ages: by `clock()` they would be younger by the time that planning and locks take.
    """
    if is_postgresql():
        return f"(statement_timestamp() - ({seconds}) * interval '1 second')"
    return clock_plus(f"-{seconds}")


def once(expression: str) -> str:
    """SQL for an expression that is evaluated once a statement, so that an index is searched by its value.

    `clock()` may be another time for each row: without this, PostgreSQL reads all of an index and compares row by row.
    """
    return f"(SELECT {expression})"


def unflushed() -> str:
    """SQL of no value: in a RETURNING, it lets the transaction's commit not wait for the disk."""
    return "(SELECT set_config('synchronous_commit', 'off', true))" if is_postgresql() else "NULL"


def random() -> str:
    """SQL for a number drawn from 0 to 1, anew for each row."""
    return "random()" if is_postgresql() else "(abs(random() %% 1000000) / 1000000.0)"


def seconds_since(column: str) -> str:
    """SQL for the seconds that have passed since a column's time."""
    if is_postgresql():
        return f"extract(epoch FROM clock_timestamp() - {column})"
    return f"(julianday('now') - julianday({column})) * 86400.0"


def day(column: str) -> str:
    """SQL for the day of a column's time in UTC, as "2026-07-01"; Django's own is a function in Python on SQLite."""
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD')" if is_postgresql() else f"substr({column}, 1, 10)"


def lock(skip_locked: bool = False) -> str:
    """SQL that locks what a SELECT finds. SQLite has one writer at a time, so there is nothing to lock."""
    if not is_postgresql():
        return ""
    return "FOR UPDATE SKIP LOCKED" if skip_locked else "FOR UPDATE"


def is_in(column: str, table: str) -> str:
    """SQL that holds for rows whose id stands in the column of a table expression.

    Written with IN, PostgreSQL may read its whole table once for each id: without statistics that took 45 times as long
    for 1,000 of 10,000 rows. Of an array's length it knows nothing, and so takes the primary key in any case.
    """
    select = f"SELECT {column} FROM {table}"
    return f"id = ANY(ARRAY({select}))" if is_postgresql() else f"id IN ({select})"


def among(select: str) -> str:
    """SQL that holds for rows whose id is one of those that a SELECT finds; see `is_in` for why."""
    return f"id = ANY(ARRAY({select}))" if is_postgresql() else f"id IN ({select})"


def given(**columns: str) -> str:
    """SQL for a table expression `v` over one parameter, the JSON array of `as_rows`; each column is named `v_…`.

    The types are PostgreSQL's; SQLite gets what its JSON functions make of the values.
    """
    if is_postgresql():
        typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        named = ", ".join(f"{name} AS v_{name}" for name in columns)
        return f"v AS MATERIALIZED (SELECT {named} FROM jsonb_to_recordset(%s::jsonb) AS r({typed}))"
    picked = ", ".join(f"{_picked(name, kind)} AS v_{name}" for name, kind in columns.items())
    return f"v AS (SELECT {picked} FROM json_each(%s))"


def _picked(name: str, kind: str) -> str:
    # `->` keeps JSON as JSON where `->>` would make an SQL value of it. PostgreSQL makes NULL of a null in both.
    return f"nullif(value -> '$.{name}', 'null')" if kind == "jsonb" else f"value ->> '$.{name}'"


def as_rows(rows: Iterable[Row]) -> str:
    """Returns the parameter for `given`."""
    return json.dumps(list(rows), allow_nan=False, default=_plain)


def as_ids(ids: Iterable[uuid.UUID]) -> str:
    """Returns the parameter for `given(id="uuid")`."""
    return as_rows({"id": each} for each in ids)


def _plain(value: Any) -> str:
    if isinstance(value, uuid.UUID):
        return value.hex  # SQLite holds ids as 32 hex digits; PostgreSQL reads both forms
    if isinstance(value, datetime):
        return stored_time(value)
    raise TypeError(f"{type(value).__name__} is none of the values that rows are given as")


def stored_time(value: datetime) -> str:
    """Returns a time in the form that SQLite's rows hold and PostgreSQL reads."""
    moment = value.astimezone(UTC)
    if is_postgresql():
        return moment.isoformat()
    return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def run(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Executes one statement and reads its rows to the end: a half-read RETURNING keeps SQLite's write lock."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return list(cursor.fetchall()) if cursor.description else []


def count(sql: str, params: Sequence[Any] = ()) -> int:
    """Executes one statement and returns how many rows it touched. It must not begin with WITH: SQLite counts 0."""
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return max(0, int(cursor.rowcount))


def ids_of(rows: Iterable[tuple[Any, ...]]) -> list[uuid.UUID]:
    return [as_uuid(row[0]) for row in rows]


def as_uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def as_json(value: Any) -> Any:
    """Returns the value of a JSON column that a raw statement has read."""
    return json.loads(value) if isinstance(value, (str, bytes)) else value


def as_time(value: Any) -> datetime:
    """Returns the time that a raw statement has read."""
    time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return time if time.tzinfo else time.replace(tzinfo=UTC)  # SQLite's have no zone


def now() -> datetime:
    """Reads the database's clock."""
    return as_time(run(f"SELECT {clock()}")[0][0])


def reason(error: BaseException) -> str:
    """Returns what an error of the database says, in one line. Further lines of a statement's error may hold values."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    # Where a name has several addresses, the first line says only that there were several attempts.
    return " ".join(lines) if lines[0].endswith(":") else lines[0]


def one_transaction() -> AbstractContextManager[None]:
    """A transaction for several statements. On SQLite it is IMMEDIATE by the settings."""
    return transaction.atomic()


def data_version() -> int:
    """Returns a number that changes with each commit of another connection, of whatever. SQLite only.

    It is asked for fifty times a second by who has nothing to do, so it goes round Django's cursors.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors:
        return int(connection.connection.execute("PRAGMA data_version").fetchone()[0])


def wake_channel() -> str:
    return "taskyard_wake"


def notify_if_idle(role: str) -> None:
    """Wakes the dispatcher at commit where it said that it sleeps: notifying always costs a third of the submits."""
    if is_postgresql():
        run(f"SELECT {notification()}", [role])


def notification() -> str:
    """SQL that does the same as part of another statement, which is what is to be found. It takes the role.

    What the dispatcher says while that statement runs is not seen: it is found by a poll, 40 ms later.
    """
    if not is_postgresql():
        return "%s"
    return f"(SELECT pg_notify('{wake_channel()}', '') FROM tasks_leadership WHERE role = %s AND idle)"
