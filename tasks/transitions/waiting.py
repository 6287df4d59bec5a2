"""Moves of tasks that nobody executes yet: they fall due, get a message, lose it."""

import uuid
from typing import Any

from tasks import database
from tasks.states import EventKind, TaskStatus
from tasks.transitions.events import write_events

# Each write of the coordinator carries its term: one that was frozen past its lease changes nothing when it wakes.
LEADS = "EXISTS (SELECT 1 FROM tasks_leadership WHERE role = %s AND term = %s)"


# Nothing is started of a paused queue. Looked at both where a task gets its message and where that is claimed.
NOT_PAUSED = "NOT EXISTS (SELECT 1 FROM tasks_queue WHERE name = %s AND paused)"


def promote_due(*, role: str, term: int, limit: int = 5_000) -> int:
    """scheduled, retrying -> pending where the time has come. Returns how many."""
    due = f"""SELECT id FROM tasks_task WHERE status IN (%s, %s) AND run_at <= {database.once(database.clock())}
        ORDER BY run_at LIMIT %s {database.lock(skip_locked=True)}"""
    return database.count(
        f"UPDATE tasks_task SET status = %s WHERE {database.among(due)} AND {LEADS}",
        [TaskStatus.PENDING, TaskStatus.SCHEDULED, TaskStatus.RETRYING, limit, role, term],
    )


def enqueue(ids: list[uuid.UUID], *, queue: str, role: str, term: int) -> dict[uuid.UUID, Any]:
    """pending -> queued, committed before anything is published. Returns what was moved, with its time of queueing.

    The commit does not wait for the disk: after a crash that forgets it, the row is pending and its message void.
    """
    rows = database.run(
        f"""WITH {database.given(id="uuid")},
        locked AS (SELECT id FROM tasks_task WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s
                   AND queue = %s AND {NOT_PAUSED} ORDER BY id {database.lock(skip_locked=True)})
        UPDATE tasks_task SET status = %s, queued_at = {database.clock()}
        WHERE {database.is_in("id", "locked")} AND {LEADS} RETURNING id, queued_at, {database.unflushed()}""",
        [database.as_ids(ids), TaskStatus.PENDING, queue, queue, TaskStatus.QUEUED, role, term],
    )
    return {database.as_uuid(row[0]): row[1] for row in rows}


def return_queued(
    ids: list[uuid.UUID], *, role: str = "", term: int = 0, lost: bool = False, queued_by: Any = None
) -> set[uuid.UUID]:
    """queued -> pending: the message is not with the broker, or its worker did not begin. Returns the ids moved.

    `lost` counts the return, which doubles the row's patience and makes it travel alone from the second on.
    `queued_by`, a time as the database gave it, leaves rows alone that were queued later: those are somebody else's.
    A coordinator names its role and term.
    """
    with database.one_transaction():
        moved = _return(ids, role, term, lost, queued_by)
        if lost and moved:
            write_events(moved, EventKind.RETURNED, reason="its message was lost")
    return moved


def _return(ids: list[uuid.UUID], role: str, term: int, lost: bool, queued_by: Any) -> set[uuid.UUID]:
    rows = database.run(
        f"""WITH {database.given(id="uuid")},
        locked AS (SELECT id FROM tasks_task WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s
                   {"AND queued_at <= %s" if queued_by else ""} ORDER BY id {database.lock()})
        UPDATE tasks_task SET status = %s, queued_at = NULL
            {", returns = returns + 1, suspect = suspect OR returns >= 1" if lost else ""}
        WHERE {database.is_in("id", "locked")} {f"AND {LEADS}" if role else ""} RETURNING id""",
        [
            database.as_ids(ids),
            TaskStatus.QUEUED,
            *([queued_by] if queued_by else []),
            TaskStatus.PENDING,
            *([role, term] if role else []),
        ],
    )
    return set(database.ids_of(rows))


def return_paused(*, role: str, term: int) -> int:
    """queued -> pending for the paused queues: what is with the broker is started by nobody. Returns how many."""
    paused = f"""SELECT id FROM tasks_task WHERE status = '{TaskStatus.QUEUED}'
        AND queue IN (SELECT name FROM tasks_queue WHERE paused) ORDER BY id LIMIT 5000 {database.lock()}"""
    return database.count(
        f"UPDATE tasks_task SET status = %s, queued_at = NULL WHERE {database.among(paused)} AND {LEADS}",
        [TaskStatus.PENDING, role, term],
    )


def return_of_queue(name: str, *, role: str = "", term: int = 0) -> int:
    """queued -> pending for all of a queue. Returns how many. A coordinator names its role and term."""
    of_queue = f"""SELECT id FROM tasks_task WHERE status = '{TaskStatus.QUEUED}' AND queue = %s
        ORDER BY id {database.lock()}"""
    return database.count(
        f"""UPDATE tasks_task SET status = %s, queued_at = NULL WHERE {database.among(of_queue)}
        {f"AND {LEADS}" if role else ""}""",
        [TaskStatus.PENDING, name, *([role, term] if role else [])],
    )
