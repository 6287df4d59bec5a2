"""Changes to tasks that nobody executes: what is with the broker comes back first, which makes its message void."""

import json
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from tasks import database
from tasks.states import WAITING, EventKind, TaskStatus
from tasks.transitions.events import Changes, write_events

EDITABLE = WAITING | {TaskStatus.QUEUED}

_TYPES = {
    "id": "uuid", "payload": "text", "payload_bytes": "integer", "name": "text", "queue": "text",
    "priority": "smallint", "tags": "jsonb", "timeout": "double precision", "retry": "jsonb",
    "max_attempts": "smallint", "on_dependency_failure": "text", "run_at": "timestamptz", "delay": "double precision",
}  # fmt: skip
_COMPARED = [name for name in _TYPES if name not in ("id", "payload_bytes", "delay")]
_JSON = {"payload", "tags", "retry"}


@dataclass(slots=True)
class Edited:
    moved: dict[uuid.UUID, Changes] = field(default_factory=dict)  # what really changed
    refused: dict[uuid.UUID, TaskStatus] = field(default_factory=dict)  # in a status that is not edited


def edit(
    edits: dict[uuid.UUID, dict[str, Any]],
    *,
    sources: Collection[TaskStatus] = EDITABLE,
    actor_id: int | None = None,
    reason: str = "",
) -> Edited:
    """Changes columns of tasks in these statuses, one set of values each; `payload` is JSON, `delay` in seconds.

    queued -> pending on the way, pending -> scheduled where it is due later by now. Ids that do not exist are in
    neither part of what is returned.
    """
    result = Edited()
    with database.one_transaction():
        before = _lock(edits)
        wanted: dict[uuid.UUID, dict[str, Any]] = {}
        for task_id, row in before.items():
            if row["status"] in sources:
                wanted[task_id] = edits[task_id]
                result.moved[task_id] = _changes(row, edits[task_id])
            else:
                result.refused[task_id] = TaskStatus(row["status"])
        if wanted:
            _write(wanted)
            changed = {task_id: changes for task_id, changes in result.moved.items() if changes}
            if changed:
                write_events(changed, EventKind.EDITED, reason=reason, actor_id=actor_id, changes=changed)
    return result


def hurry(ids: list[uuid.UUID], *, actor_id: int | None = None, reason: str = "") -> set[uuid.UUID]:
    """scheduled, retrying -> pending, due now. Returns the ids that were moved."""
    with database.one_transaction():
        rows = database.run(
            f"""WITH {database.given(id="uuid")},
            locked AS (SELECT id FROM tasks_task WHERE {database.is_in("v_id", "v")}
                       AND coalesce(status, '') IN (%s, %s) ORDER BY id {database.lock()})
            UPDATE tasks_task SET status = %s, run_at = {database.clock()}
            WHERE {database.is_in("id", "locked")} RETURNING id""",
            [database.as_ids(ids), TaskStatus.SCHEDULED, TaskStatus.RETRYING, TaskStatus.PENDING],
        )
        moved = set(database.ids_of(rows))
        if moved:
            write_events(moved, EventKind.HURRIED, reason=reason, actor_id=actor_id)
    return moved


def _lock(edits: dict[uuid.UUID, dict[str, Any]]) -> dict[uuid.UUID, dict[str, Any]]:
    """Locks the tasks and returns of each what the edits name: the payloads of thousands may be gigabytes."""
    named = {name for values in edits.values() for name, value in values.items() if value is not None}
    compared = [name for name in _COMPARED if name in named or (name == "run_at" and "delay" in named)]
    names = ["id", "status", *compared]
    rows = database.run(
        f"""WITH {database.given(id="uuid")}
        SELECT {", ".join(names)} FROM tasks_task WHERE {database.is_in("v_id", "v")} ORDER BY id {database.lock()}""",
        [database.as_ids(list(edits))],
    )
    return {database.as_uuid(row[0]): dict(zip(names, row, strict=True)) for row in rows}


def _changes(row: dict[str, Any], values: dict[str, Any]) -> Changes:
    changes: dict[str, tuple[Any, Any]] = {}
    for name in _COMPARED:
        if values.get(name) is None:
            continue
        old, new = row[name], values[name]
        if name in _JSON:
            old, new = database.as_json(old), json.loads(new) if isinstance(new, str) else new
        if old != new:
            # What a payload held may be secret, and events are shown to those who may not see payloads.
            changes[name] = ("…", "…") if name == "payload" else (old, new)
    if values.get("delay") is not None:
        changes["run_at"] = (row["run_at"], f"in {values['delay']:g} s")
    return changes


def _write(edits: dict[uuid.UUID, dict[str, Any]]) -> None:
    jsonb = "::jsonb" if database.is_postgresql() else ""
    due = f"coalesce(v_run_at, CASE WHEN v_delay IS NOT NULL THEN {database.clock_plus('v_delay')} END)"
    plain = [name for name in _TYPES if name not in ("id", "payload", "run_at", "delay", "max_attempts")]
    kept = ", ".join(f"{name} = coalesce(v_{name}, {name})" for name in plain)
    rows = [{name: values.get(name) for name in _TYPES} | {"id": task_id} for task_id, values in edits.items()]
    database.run(
        f"""WITH {database.given(**_TYPES)}
        UPDATE tasks_task SET {kept},
            payload = coalesce(v_payload{jsonb}, payload),
            budget = coalesce(v_max_attempts, budget),
            max_attempts = coalesce(v_max_attempts, max_attempts),
            run_at = coalesce({due}, run_at),
            queued_at = CASE WHEN status = '{TaskStatus.QUEUED}' THEN NULL ELSE queued_at END,
            parked = '',
            status = CASE WHEN status IN ('{TaskStatus.QUEUED}', '{TaskStatus.PENDING}') THEN
                         CASE WHEN {due} > {database.clock()} THEN '{TaskStatus.SCHEDULED}'
                              ELSE '{TaskStatus.PENDING}' END
                     ELSE status END
        FROM v WHERE id = v_id AND {database.is_in("v_id", "v")}""",
        [database.as_rows(rows)],
    )
