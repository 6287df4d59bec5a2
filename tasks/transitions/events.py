"""Writes what the attempts do not show of tasks' lives: one statement for as many tasks as there are."""

import uuid
from collections.abc import Iterable

from tasks import database
from tasks.states import EventKind


def write_events(ids: Iterable[uuid.UUID], kind: EventKind, *, reason: str = "", actor_id: int | None = None) -> None:
    """Adds an event to each task, with its attempt by now. Belongs into the transaction of the move it tells of."""
    database.run(
        f"""WITH {database.given(id="uuid")}
        INSERT INTO tasks_taskevent (task_id, at, kind, attempt, actor_id, reason)
        SELECT id, {database.clock()}, %s, attempt, {"%s::integer" if database.is_postgresql() else "%s"}, %s
        FROM tasks_task WHERE {database.is_in("v_id", "v")}""",
        [database.as_ids(ids), kind, actor_id, reason],
    )
