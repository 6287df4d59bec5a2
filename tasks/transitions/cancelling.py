"""Stopping a task: at once where nobody executes it, by request where somebody does."""

import uuid
from dataclasses import dataclass, field

from tasks import database
from tasks.states import MOVES, EventKind, Move, TaskStatus
from tasks.transitions.events import write_events
from tasks.transitions.settling import settle


@dataclass(slots=True)
class Cancelled:
    cancelled: set[uuid.UUID] = field(default_factory=set)
    requested: set[uuid.UUID] = field(default_factory=set)  # processing: the worker confirms


def cancel(ids: list[uuid.UUID], *, actor_id: int | None = None, reason: str = "") -> Cancelled:
    """Any status that is not final -> cancelled, but processing: there the request is noted."""
    with database.one_transaction():
        result, parents = _cancel(ids)
        touched = result.cancelled | result.requested
        if touched:
            write_events(touched, EventKind.CANCELLED, reason=reason, actor_id=actor_id)
        if parents:
            settle(parents)
    return result


def _cancel(ids: list[uuid.UUID]) -> tuple[Cancelled, list[uuid.UUID]]:
    sources = ", ".join(f"'{status}'" for status in sorted(MOVES[Move.CANCEL][0]))
    running = f"status = '{TaskStatus.PROCESSING}'"
    rows = database.run(
        f"""WITH {database.given(id="uuid")},
        locked AS (SELECT id FROM tasks_task WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') IN ({sources})
                   ORDER BY id {database.lock()})
        UPDATE tasks_task SET
            finished_at = CASE WHEN {running} THEN NULL ELSE {database.clock()} END,
            cancel_requested_at = coalesce(cancel_requested_at, {database.clock()}),
            unsettled = has_dependents AND NOT {running}, parked = '',
            status = CASE WHEN {running} THEN status ELSE %s END
        WHERE {database.is_in("id", "locked")} RETURNING id, status, unsettled""",
        [database.as_ids(ids), TaskStatus.CANCELLED],
    )
    result = Cancelled()
    for task_id, status, _ in rows:
        (result.cancelled if status == TaskStatus.CANCELLED else result.requested).add(database.as_uuid(task_id))
    return result, [database.as_uuid(row[0]) for row in rows if row[2]]
