"""How a task comes to be: as many rows as there are, in one statement."""

import json
import uuid
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from tasks import database
from tasks.models import Task
from tasks.states import OnDependencyFailure, TaskStatus


@dataclass(slots=True)
class NewTask:
    """A task that was found valid. Due after `delay` seconds or at `run_at`; at once where both are empty."""

    id: uuid.UUID
    type: str
    name: str
    queue: str
    priority: int
    payload: str  # JSON
    payload_bytes: int
    tags: list[str]
    timeout: float
    retry: dict[str, Any]
    max_attempts: int
    budget: int
    delay: float
    run_at: datetime | None
    created_by_id: int | None
    idempotency_key: str | None
    idempotency_hash: str
    # What few tasks have; the others are stored without these columns.
    unmet: int = 0
    on_dependency_failure: str = OnDependencyFailure.FAIL.value
    has_dependents: bool = False
    compensates_id: uuid.UUID | None = None
    compensation: str | None = None  # JSON
    clone_of_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A new task and what the database made of it."""

    new: NewTask
    status: str
    created_at: datetime
    run_at: datetime

    def as_task(self) -> Task:
        """Returns the row as it was stored, without reading it."""
        given = {field.name: getattr(self.new, field.name) for field in fields(NewTask) if field.name != "delay"}
        read = {name: None if (text := given[name]) is None else json.loads(text) for name in _JSON}
        times = {"status": self.status, "created_at": self.created_at, "run_at": self.run_at}
        return Task(**{**given, **_CONSTANTS, **read, **times})


_COLUMNS = [
    "id", "type", "name", "queue", "priority", "payload", "payload_bytes", "tags", "timeout", "retry", "max_attempts",
    "budget", "created_by_id", "idempotency_key", "idempotency_hash",
]  # fmt: skip
_TYPES = {
    "id": "uuid", "type": "text", "name": "text", "queue": "text", "priority": "smallint", "payload": "text",
    "payload_bytes": "integer", "tags": "jsonb", "timeout": "double precision", "retry": "jsonb",
    "max_attempts": "smallint", "budget": "smallint", "created_by_id": "integer", "idempotency_key": "text",
    "idempotency_hash": "text", "delay": "double precision", "run_at": "timestamptz",
}  # fmt: skip
_RARE_TYPES = {
    "unmet": "integer", "on_dependency_failure": "text", "has_dependents": "boolean", "compensates_id": "uuid",
    "compensation": "text", "clone_of_id": "uuid",
}  # fmt: skip
_RARE = {field.name: field.default for field in fields(NewTask) if field.name in _RARE_TYPES}
_JSON = ("payload", "compensation")
_CONSTANTS = {
    "attempt": 0, "uncounted": 0, "worker": "", "alone": False, "suspect": False, "losses": 0, "returns": 0,
    "progress_text": "",
}  # fmt: skip


def insert(tasks: list[NewTask], *, wake: str = "") -> dict[uuid.UUID, Stored]:
    """Stores the tasks but those whose idempotency key is taken. Returns the stored ones by their ids.

    `wake` names a role whose dispatcher is woken where it sleeps.
    """
    due = f"coalesce(v_run_at, {database.clock_plus('v_delay')})"
    jsonb = "::jsonb" if database.is_postgresql() else ""
    columns = [*_COLUMNS, *(rare := _rare(tasks))]
    types = {**_TYPES, **{name: _RARE_TYPES[name] for name in rare}}
    values = ", ".join(f"v_{name}{jsonb if name in _JSON else ''}" for name in columns)
    blocked = "WHEN v_unmet > 0 THEN %s" if "unmet" in rare else ""
    constants = ", ".join("%s" for _ in _CONSTANTS)
    waking = f", {database.notification()}" if wake else ""
    rows = database.run(
        f"""WITH {database.given(**types)}
        INSERT INTO tasks_task ({", ".join(columns)}, {", ".join(_CONSTANTS)}, created_at, run_at, status)
        SELECT {values}, {constants}, {database.clock()}, {due},
               CASE {blocked} WHEN v_delay > 0 OR v_run_at > {database.clock()} THEN %s ELSE %s END
        FROM v WHERE true
        ON CONFLICT DO NOTHING RETURNING id, status, created_at, run_at{waking}""",
        [
            database.as_rows({name: getattr(task, name) for name in types} for task in tasks),
            *_CONSTANTS.values(),
            *([TaskStatus.BLOCKED] if blocked else []),
            TaskStatus.SCHEDULED,
            TaskStatus.PENDING,
            *([wake] if wake else []),
        ],
    )
    new = {task.id: task for task in tasks}
    return {
        (each := database.as_uuid(task_id)): Stored(
            new[each], status, database.as_time(created_at), database.as_time(run_at)
        )
        for task_id, status, created_at, run_at, *_ in rows
    }


def _rare(tasks: list[NewTask]) -> list[str]:
    """Returns the columns that any of the tasks has another value in than the table's default."""
    return [name for name, default in _RARE.items() if any(getattr(task, name) != default for task in tasks)]


def copy_in(tasks: list[NewTask]) -> None:
    """Stores many tasks that have no idempotency keys by COPY: five times as fast as INSERT. PostgreSQL only."""
    now = database.now()
    stamp = now.isoformat()
    rare = _rare(tasks)
    columns = [*_COLUMNS, *_CONSTANTS, "created_at", "run_at", "status", *rare]
    constants = tuple(_CONSTANTS.values())
    retries: dict[int, str] = {}  # most tasks of a list share one policy object
    with connection.cursor() as cursor, cursor.copy(f"COPY tasks_task ({', '.join(columns)}) FROM STDIN") as copy:
        for task in tasks:
            due = task.run_at or (now + timedelta(seconds=task.delay))
            retry = retries.get(id(task.retry)) or retries.setdefault(id(task.retry), json.dumps(task.retry))
            copy.write_row(
                (
                    task.id, task.type, task.name, task.queue, task.priority, task.payload, task.payload_bytes,
                    json.dumps(task.tags), task.timeout, retry, task.max_attempts, task.budget, task.created_by_id,
                    task.idempotency_key, task.idempotency_hash, *constants, stamp,
                    stamp if due <= now and task.run_at is None else due.astimezone(UTC).isoformat(),
                    _first_status(task, later=due > now),
                    *[getattr(task, name) for name in rare],
                )
            )  # fmt: skip


def _first_status(task: NewTask, *, later: bool) -> str:
    if task.unmet:
        return TaskStatus.BLOCKED.value
    return TaskStatus.SCHEDULED.value if later else TaskStatus.PENDING.value
