"""How an attempt ends: the task's move, the attempt's row and, for a dead task, its dead letter, in one transaction."""

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from tasks import database
from tasks.failures import fingerprint
from tasks.kill_points import KillPoint, reached
from tasks.models.task import new_id
from tasks.states import FINAL, EventKind, Outcome, TaskStatus
from tasks.transitions.events import write_events
from tasks.transitions.grouping import note_deaths
from tasks.transitions.settling import settle

Pair = tuple[uuid.UUID, int]

# Where an attempt may lead, by its outcome; a request to cancel turns the first two into cancelled.
UNFINISHED = (TaskStatus.RETRYING, TaskStatus.PENDING)


@dataclass(slots=True)
class Ending:
    """The known end of an attempt. Its times are of this process's monotonic clock, in seconds.

    They reach the database as ages, which its own clock turns into times: a worker's wall clock is not trusted.
    """

    id: uuid.UUID
    attempt: int
    type: str
    queue: str
    worker: str
    incarnation: uuid.UUID
    status: TaskStatus
    outcome: Outcome
    started: float
    ended: float
    delay: float = 0.0
    category: str = ""
    error_class: str = ""
    message: str = ""
    traceback: str = ""
    result: str | None = None  # JSON
    failures: int = 0  # counted ones, this one included

    @property
    def pair(self) -> Pair:
        return self.id, self.attempt

    # Not `asdict`, which copies each value: that took a third of a pool process's time.
    @property
    def started_ago(self) -> float:
        return max(0.0, time.monotonic() - self.started)

    @property
    def ended_ago(self) -> float:
        return max(0.0, time.monotonic() - self.ended)

    @property
    def uncounted(self) -> int:
        return int(self.outcome == Outcome.RELEASED)


def _rows(columns: Iterable[str], endings: list[Ending]) -> str:
    """Returns these columns of the endings, as a statement is given them."""
    names = tuple(columns)
    values = attrgetter(*names)
    return database.as_rows(dict(zip(names, values(ending), strict=True)) for ending in endings)


@dataclass(slots=True)
class Finished:
    moved: set[Pair] = field(default_factory=set)
    refused: set[Pair] = field(default_factory=set)  # somebody else has the task by now
    locked: set[Pair] = field(default_factory=set)  # another statement has the row just now: try again


def finish(endings: list[Ending], *, incarnation: uuid.UUID) -> Finished:
    """processing -> wherever each attempt leads, only where it still holds the task under this incarnation."""
    reached(KillPoint.RECORDING)
    with database.one_transaction():
        moved, parents = _move(endings, incarnation)
        ours = [ending for ending in endings if ending.pair in moved]
        if ours:
            reached(KillPoint.MOVED)
            record_attempts(ours)
            bury([ending for ending in ours if ending.status == TaskStatus.FAILED])
        if parents:
            # In a second statement, so that it sees what was submitted before this transaction had the parents' locks.
            settle(parents)
    reached(KillPoint.RECORDED)
    result = Finished(moved=moved)
    rest = [ending.pair for ending in endings if ending.pair not in moved]
    if rest:
        _explain(rest, incarnation, result)
    if result.refused:
        reason = "an outcome came from an attempt that no longer held the task"
        write_events({task_id for task_id, _ in result.refused}, EventKind.REFUSED, reason=reason)
    return result


_MOVE_TYPES = {
    "id": "uuid", "attempt": "integer", "status": "text", "uncounted": "integer", "delay": "double precision",
    "started_ago": "double precision", "ended_ago": "double precision",
}  # fmt: skip


def _move(endings: list[Ending], incarnation: uuid.UUID) -> tuple[set[Pair], list[uuid.UUID]]:
    """Returns what moved, and those of it that have ended and have dependents."""
    unfinished = ", ".join(f"'{status}'" for status in UNFINISHED)
    final = ", ".join(f"'{status}'" for status in sorted(FINAL))
    becomes = (
        f"CASE WHEN cancel_requested_at IS NOT NULL AND v_status IN ({unfinished}) "
        f"THEN '{TaskStatus.CANCELLED}' ELSE v_status END"
    )
    rows = database.run(
        f"""WITH {database.given(**_MOVE_TYPES)},
        locked AS (SELECT id FROM tasks_task JOIN v ON id = v_id AND attempt = v_attempt
                   WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s AND incarnation = %s
                   ORDER BY id {database.lock(skip_locked=True)})
        UPDATE tasks_task SET status = {becomes},
            started_at = {database.aged("v_started_ago")},
            finished_at = CASE WHEN {becomes} IN ({final}) THEN {database.aged("v_ended_ago")} END,
            run_at = CASE WHEN v_status = '{TaskStatus.RETRYING}' THEN {database.clock_plus("v_delay")} ELSE run_at END,
            unsettled = has_dependents AND {becomes} IN ({final}),
            uncounted = uncounted + v_uncounted, lease_expires_at = NULL, alone = %s
        FROM v WHERE id = v_id AND attempt = v_attempt AND {database.is_in("id", "locked")}
        RETURNING id, attempt, unsettled""",
        [
            _rows(_MOVE_TYPES, endings),
            TaskStatus.PROCESSING,
            incarnation if database.is_postgresql() else incarnation.hex,
            False,
        ],
    )
    return {(database.as_uuid(row[0]), row[1]) for row in rows}, [database.as_uuid(row[0]) for row in rows if row[2]]


_ATTEMPT_TYPES = {
    "id": "uuid", "attempt": "integer", "outcome": "text", "worker": "text", "incarnation": "uuid",
    "started_ago": "double precision", "ended_ago": "double precision", "category": "text", "error_class": "text",
    "message": "text", "traceback": "text", "result": "text",
}  # fmt: skip


def record_attempts(endings: list[Ending]) -> None:
    """Writes the attempts' rows. A lost one may be written by the reaper only: the number is unique in its task."""
    jsonb = "::jsonb" if database.is_postgresql() else ""
    database.run(
        f"""WITH {database.given(**_ATTEMPT_TYPES)}
        INSERT INTO tasks_taskattempt (task_id, number, outcome, worker, incarnation, started_at, finished_at,
            category, error_class, error_message, traceback, result)
        SELECT v_id, v_attempt, v_outcome, v_worker, v_incarnation, {database.aged("v_started_ago")},
            {database.aged("v_ended_ago")}, v_category, v_error_class, v_message, v_traceback, v_result{jsonb}
        FROM v""",
        [_rows(_ATTEMPT_TYPES, endings)],
    )


_LETTER_TYPES = {
    "letter": "uuid", "id": "uuid", "type": "text", "queue": "text", "category": "text", "error_class": "text",
    "message": "text", "traceback": "text", "fingerprint": "text", "attempt": "integer",
}  # fmt: skip


@dataclass(slots=True)
class Death:
    """What a dead letter says of a task."""

    id: uuid.UUID
    attempt: int
    type: str
    queue: str
    category: str
    error_class: str
    message: str
    traceback: str = ""


def bury(deaths: Sequence[Ending | Death]) -> None:
    """Writes the dead letters of tasks that have just failed for good."""
    if not deaths:
        return
    letters = [_letter(death) for death in deaths]
    written = database.run(
        f"""WITH {database.given(**_LETTER_TYPES)}
        INSERT INTO tasks_deadletter (id, task_id, type, queue, category, error_class, message, traceback,
            fingerprint, attempts, body, created_at, resolution)
        SELECT v_letter, v_id, v_type, v_queue, v_category, v_error_class, v_message, v_traceback, v_fingerprint,
            v_attempt, '', {database.clock()}, ''
        FROM v WHERE true ON CONFLICT DO NOTHING RETURNING fingerprint, queue""",
        [database.as_rows(letters)],
    )
    workers: dict[str, str] = {}
    for letter, death in zip(letters, deaths, strict=True):
        workers.setdefault(letter["fingerprint"], getattr(death, "worker", ""))
    note_deaths(((row[0], row[1]) for row in written), workers)


def _letter(death: Ending | Death) -> dict[str, Any]:
    return {
        **{name: getattr(death, name) for name in _LETTER_TYPES if hasattr(death, name)},
        "letter": new_id(),
        "fingerprint": fingerprint(death.type, death.error_class, death.message),
    }


def _explain(pairs: list[Pair], incarnation: uuid.UUID, result: Finished) -> None:
    """Sorts what did not move. After a lost COMMIT the own attempt row says that the move was ours all the same."""
    rows = database.run(
        f"""WITH {database.given(id="uuid", attempt="integer")}
        SELECT v_id, v_attempt,
            EXISTS (SELECT 1 FROM tasks_task WHERE id = v_id AND attempt = v_attempt AND incarnation = %s
                    AND coalesce(status, '') = %s),
            EXISTS (SELECT 1 FROM tasks_taskattempt WHERE task_id = v_id AND number = v_attempt AND incarnation = %s
                    AND outcome <> %s)
        FROM v""",
        [
            database.as_rows({"id": each, "attempt": attempt} for each, attempt in pairs),
            *[incarnation if database.is_postgresql() else incarnation.hex, TaskStatus.PROCESSING],
            *[incarnation if database.is_postgresql() else incarnation.hex, Outcome.LOST],
        ],
    )
    for task_id, attempt, still_ours, was_ours in rows:
        pair = (database.as_uuid(task_id), attempt)
        (result.locked if still_ours else result.moved if was_ours else result.refused).add(pair)
