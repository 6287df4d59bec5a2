"""A dead task gets a fresh budget; its attempts go on counting and its dead letter is closed."""

import uuid

from tasks import database
from tasks.states import EventKind, Resolution, TaskStatus
from tasks.transitions.events import write_events
from tasks.transitions.grouping import note_closed
from tasks.transitions.settling import reblock


def revive(ids: list[uuid.UUID], *, actor_id: int | None, reason: str = "", spread: float = 0.0) -> set[uuid.UUID]:
    """failed -> pending, or scheduled at moments drawn from the next `spread` seconds. Returns the ids moved.

    What had failed because of them goes back to blocked. What failed because of another task does not move: it comes
    back with that one.
    """
    due = database.clock_plus(f"%s * {database.random()}")
    with database.one_transaction():
        rows = database.run(
            f"""WITH {database.given(id="uuid")},
            locked AS (SELECT id FROM tasks_task WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s
                       AND unmet = 0 ORDER BY id {database.lock()})
            UPDATE tasks_task SET status = %s, finished_at = NULL, run_at = {due}, queued_at = NULL,
                max_attempts = attempt - uncounted + budget, losses = 0, returns = 0, cancel_requested_at = NULL,
                unsettled = %s, parked = ''
            WHERE {database.is_in("id", "locked")} RETURNING id, has_dependents""",
            [
                database.as_ids(ids),
                TaskStatus.FAILED,
                TaskStatus.SCHEDULED if spread > 0 else TaskStatus.PENDING,
                spread,
                False,
            ],
        )
        moved = set(database.ids_of(rows))
        if moved:
            write_events(moved, EventKind.REVIVED, reason=reason, actor_id=actor_id)
            closed = database.run(
                f"""WITH {database.given(id="uuid")},
                locked AS (SELECT id FROM tasks_deadletter WHERE task_id IN (SELECT v_id FROM v) AND resolution = ''
                           ORDER BY id {database.lock()})
                UPDATE tasks_deadletter SET resolution = %s, resolved_at = {database.clock()}, resolved_by_id = %s
                WHERE {database.is_in("id", "locked")} RETURNING fingerprint""",
                [database.as_ids(moved), Resolution.REPROCESSED, actor_id],
            )
            note_closed(row[0] for row in closed)
        if parents := [database.as_uuid(row[0]) for row in rows if row[1]]:
            reblock(parents)
    return moved
