"""A dead task gets a fresh budget; its attempts go on counting and its dead letter is closed."""

import uuid

from tasks import database
from tasks.states import EventKind, Resolution, TaskStatus
from tasks.transitions.events import write_events


def revive(ids: list[uuid.UUID], *, actor_id: int | None, reason: str = "") -> set[uuid.UUID]:
    """failed -> pending. Returns the ids that were moved."""
    with database.one_transaction():
        rows = database.run(
            f"""WITH {database.given(id="uuid")},
            locked AS (SELECT id FROM tasks_task WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s
                       ORDER BY id {database.lock()})
            UPDATE tasks_task SET status = %s, finished_at = NULL, run_at = {database.clock()}, queued_at = NULL,
                max_attempts = attempt - uncounted + budget, losses = 0, returns = 0, cancel_requested_at = NULL
            WHERE {database.is_in("id", "locked")} RETURNING id""",
            [database.as_ids(ids), TaskStatus.FAILED, TaskStatus.PENDING],
        )
        moved = set(database.ids_of(rows))
        if moved:
            write_events(moved, EventKind.REVIVED, reason=reason, actor_id=actor_id)
            database.run(
                f"""WITH {database.given(id="uuid")}
                UPDATE tasks_deadletter SET resolution = %s, resolved_at = {database.clock()}, resolved_by_id = %s
                WHERE task_id IN (SELECT v_id FROM v) AND resolution = ''""",
                [database.as_ids(moved), Resolution.REPROCESSED, actor_id],
            )
    return moved
