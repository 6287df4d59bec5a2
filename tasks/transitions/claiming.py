"""A worker's process takes tasks under a lease and keeps it."""

import uuid
from dataclasses import dataclass
from typing import Any

from tasks import database
from tasks.kill_points import KillPoint, reached
from tasks.states import TaskStatus
from tasks.transitions.waiting import NOT_PAUSED


@dataclass(slots=True)
class Claimed:
    id: uuid.UUID
    type: str
    attempt: int
    failures: int  # counted ones, before this attempt
    max_attempts: int
    timeout: float  # seconds
    retry: dict[str, Any]
    payload: str  # JSON: read inside the task's own guard, where a bad one harms only its task
    queue: str


def claim(
    ids: list[uuid.UUID], *, queue: str, worker: str, incarnation: uuid.UUID, lease: float, alone: bool
) -> list[Claimed]:
    """queued -> processing for those still queued on this queue. Returns what was claimed, in the ids' order."""
    payload = "payload::text" if database.is_postgresql() else "payload"
    rows = database.run(
        f"""WITH {database.given(id="uuid")},
        locked AS (SELECT id FROM tasks_task WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s
                   AND queue = %s AND {NOT_PAUSED} ORDER BY id {database.lock()})
        UPDATE tasks_task SET status = %s, attempt = attempt + 1, started_at = {database.clock()},
            lease_expires_at = {database.clock_plus("%s")}, worker = %s, incarnation = %s, alone = %s,
            progress = NULL, progress_text = ''
        WHERE {database.is_in("id", "locked")}
        RETURNING id, type, attempt, uncounted, max_attempts, timeout, retry, {payload}, queue""",
        [
            database.as_ids(ids), TaskStatus.QUEUED, queue, queue, TaskStatus.PROCESSING, lease, worker,
            _id(incarnation), alone,
        ],
    )  # fmt: skip
    if rows:
        reached(KillPoint.CLAIMED)
    claimed = {
        (each := database.as_uuid(row[0])): Claimed(
            id=each,
            type=row[1],
            attempt=row[2],
            failures=row[2] - 1 - row[3],
            max_attempts=row[4],
            timeout=row[5],
            retry=database.as_json(row[6]),
            payload=row[7],
            queue=row[8],
        )
        for row in rows
    }
    return [claimed[each] for each in ids if each in claimed]


def renew(
    held: list[tuple[uuid.UUID, int]], *, incarnation: uuid.UUID, lease: float
) -> dict[tuple[uuid.UUID, int], bool]:
    """Extends the leases of exactly these (id, attempt) pairs, where this process still has them.

    Returns the pairs that were renewed, with whether somebody asked for the task to be cancelled. Rows that another
    statement has locked just now are left out: they are tried again with the next renewal.
    """
    reached(KillPoint.RENEWING)
    rows = database.run(
        f"""WITH {database.given(id="uuid", attempt="integer")},
        locked AS (SELECT id FROM tasks_task JOIN v ON id = v_id AND attempt = v_attempt
                   WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s AND incarnation = %s
                   ORDER BY id {database.lock(skip_locked=True)})
        UPDATE tasks_task SET lease_expires_at = {database.clock_plus("%s")}
        WHERE {database.is_in("id", "locked")} RETURNING id, attempt, cancel_requested_at""",
        [
            database.as_rows({"id": each, "attempt": attempt} for each, attempt in held),
            TaskStatus.PROCESSING,
            _id(incarnation),
            lease,
        ],
    )
    # Compared here: `IS NOT NULL` in a RETURNING of SQLite 3.40 is true for a NULL.
    return {(database.as_uuid(row[0]), row[1]): row[2] is not None for row in rows}


def cancel_requests(held: list[tuple[uuid.UUID, int]], *, incarnation: uuid.UUID) -> set[tuple[uuid.UUID, int]]:
    """Returns those of these (id, attempt) pairs that somebody wants cancelled, where this process still has them.

    A read by primary key, cheap enough for each second; it locks and changes nothing.
    """
    rows = database.run(
        f"""WITH {database.given(id="uuid", attempt="integer")}
        SELECT id, attempt FROM tasks_task JOIN v ON id = v_id AND attempt = v_attempt
        WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s AND incarnation = %s
        AND cancel_requested_at IS NOT NULL""",
        [
            database.as_rows({"id": each, "attempt": attempt} for each, attempt in held),
            TaskStatus.PROCESSING,
            _id(incarnation),
        ],
    )
    return {(database.as_uuid(row[0]), row[1]) for row in rows}


def _id(value: uuid.UUID) -> Any:
    return value if database.is_postgresql() else value.hex
