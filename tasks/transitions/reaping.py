"""What becomes of a task whose process stopped renewing its lease."""

import time
from dataclasses import dataclass
from uuid import UUID

from tasks import database
from tasks.kill_points import KillPoint, reached
from tasks.states import FailureCategory, Outcome, TaskStatus
from tasks.transitions.finishing import Ending, bury, record_attempts
from tasks.transitions.settling import settle
from tasks.transitions.waiting import LEADS


@dataclass(slots=True)
class Lost:
    id: UUID
    attempt: int
    status: TaskStatus  # where it went
    worker: str


def lose_expired(*, role: str, term: int, max_losses: int, limit: int = 1_000) -> list[Lost]:
    """processing -> pending (or failed, or cancelled on request) where the lease has run out. Returns what was lost.

    Everything that was in the lost process becomes a suspect and runs alone from then on. Only a loss while alone is
    charged to the task: after `max_losses` of those it is what kills the workers.
    """
    expired = f"""SELECT id FROM tasks_task WHERE status = %s AND lease_expires_at < {database.clock()}
        ORDER BY id LIMIT %s {database.lock(skip_locked=True)}"""
    with database.one_transaction():
        rows = database.run(
            f"""UPDATE tasks_task SET
                status = CASE WHEN cancel_requested_at IS NOT NULL THEN %s
                              WHEN alone AND losses + 1 >= %s THEN %s ELSE %s END,
                finished_at = CASE WHEN cancel_requested_at IS NOT NULL OR (alone AND losses + 1 >= %s)
                              THEN {database.clock()} END,
                losses = losses + CASE WHEN alone THEN 1 ELSE 0 END,
                unsettled = has_dependents AND (cancel_requested_at IS NOT NULL OR (alone AND losses + 1 >= %s)),
                uncounted = uncounted + 1, suspect = %s, lease_expires_at = NULL, alone = %s
            WHERE {database.among(expired)}
            AND coalesce(status, '') = %s AND lease_expires_at < {database.clock()} AND {LEADS}
            RETURNING id, attempt, status, worker, incarnation, type, queue, losses,
                {database.seconds_since("started_at")}, unsettled""",
            [
                TaskStatus.CANCELLED, max_losses, TaskStatus.FAILED, TaskStatus.PENDING, max_losses, max_losses,
                True, False,
                TaskStatus.PROCESSING, limit, TaskStatus.PROCESSING, role, term,
            ],
        )  # fmt: skip
        endings = [_ending(row[:-1]) for row in rows]
        if endings:
            reached(KillPoint.REAPING)
            record_attempts(endings)
            bury([ending for ending in endings if ending.status == TaskStatus.FAILED])
        if parents := [ending.id for ending, row in zip(endings, rows, strict=True) if row[-1]]:
            settle(parents)
    return [Lost(ending.id, ending.attempt, ending.status, ending.worker) for ending in endings]


def _ending(row: tuple[object, ...]) -> Ending:
    task_id, attempt, status, worker, incarnation, type_name, queue, losses, age = row
    killer = status == TaskStatus.FAILED
    message = f"the process of worker {worker} stopped renewing its lease"
    if killer:
        message += f"; it was the {losses}. that was lost while it ran nothing but this task"
    return Ending(
        id=database.as_uuid(task_id),
        attempt=int(str(attempt)),
        type=str(type_name),
        queue=str(queue),
        worker=str(worker),
        incarnation=database.as_uuid(incarnation),
        status=TaskStatus(str(status)),
        outcome=Outcome.LOST,
        started=time.monotonic() - float(str(age or 0)),
        ended=time.monotonic(),
        category=FailureCategory.WORKER_KILLER if killer else FailureCategory.WORKER_LOST,
        error_class="WorkerLost",
        message=message,
    )
