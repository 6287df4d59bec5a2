"""Writes what the attempts do not show of tasks' lives: one statement for as many tasks as there are."""

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from tasks import database
from tasks.states import EventKind

Changes = Mapping[str, tuple[Any, Any]]  # a field, and its value before and after


def write_events(
    ids: Iterable[uuid.UUID],
    kind: EventKind,
    *,
    reason: str | Mapping[uuid.UUID, str] = "",
    actor_id: int | None = None,
    changes: Mapping[uuid.UUID, Changes] | None = None,
) -> None:
    """Adds an event to each task, with its attempt by now. Belongs into the transaction of the move it tells of.

    Reasons and changes may differ from task to task.
    """
    rows = [
        {
            "id": each,
            "reason": reason if isinstance(reason, str) else reason.get(each, ""),
            "changes": json.dumps(changes[each], default=str) if changes and changes.get(each) else None,
        }
        for each in ids
    ]
    postgresql = database.is_postgresql()
    # Not by a join, which may read the whole table: see `database.is_in`.
    attempt = "(SELECT attempt FROM tasks_task WHERE id = v_id)"
    database.run(
        f"""WITH {database.given(id="uuid", reason="text", changes="text")}
        INSERT INTO tasks_taskevent (task_id, at, kind, attempt, actor_id, reason, changes)
        SELECT v_id, {database.clock()}, %s, {attempt}, {"%s::integer" if postgresql else "%s"}, v_reason,
            v_changes{"::jsonb" if postgresql else ""}
        FROM v WHERE {attempt} IS NOT NULL""",
        [database.as_rows(rows), kind, actor_id],
    )
