"""What the API shows of a row, with secrets masked. What that looks like is declared in `answers`."""

import uuid
from collections.abc import Sequence
from typing import Any

from tasks import overviews, registry, selectors
from tasks.api.answers import (
    AttemptShape,
    ErrorShape,
    EventShape,
    LogShape,
    ProgressShape,
    ReportShape,
    SkippedShape,
    TaskShape,
    TypeShape,
)
from tasks.api.dead_letter_answers import DeadLetterShape
from tasks.masking import masked, masked_text
from tasks.models import DeadLetter, Task, TaskAttempt, TaskEvent, TaskLog
from tasks.overviews import Failure
from tasks.retry_policy import RetryPolicy
from tasks.services import Report


def task_shapes(tasks: Sequence[Task], *, with_payload: bool) -> list[TaskShape]:
    """Returns the shapes of these tasks, with what others hold of them, in a constant number of queries."""
    newest = selectors.newest_attempts([task.id for task in tasks if task.attempt])
    given_up = overviews.failures_without_attempt(tasks, newest)
    parents = overviews.dependency_ids([task.id for task in tasks])
    return [
        task_shape(
            task,
            newest.get(task.id),
            given_up=given_up.get(task.id),
            depends_on=parents.get(task.id, []),
            with_payload=with_payload,
        )
        for task in tasks
    ]


def task_shape(
    task: Task,
    newest: TaskAttempt | None,
    *,
    given_up: Failure | None = None,
    depends_on: Sequence[uuid.UUID] = (),
    with_payload: bool,
) -> TaskShape:
    """`newest` is the newest attempt that has ended; `given_up` says why the task failed without another.

    Without the right to see payloads, those are null.
    """
    completed = newest is not None and newest.error_class == "" and newest.category == ""
    duration = (task.finished_at - task.started_at) if task.finished_at and task.started_at else None
    return {
        "id": task.id,
        "type": task.type,
        "name": task.name,
        "queue": task.queue,
        "priority": task.priority,
        "status": task.status,
        "payload": masked(task.payload) if with_payload else None,
        "tags": task.tags,
        "attempt": task.attempt,
        "max_attempts": task.max_attempts,
        "retry": task.retry,
        "timeout": task.timeout,
        "run_at": task.run_at,
        "created_at": task.created_at,
        "queued_at": task.queued_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "duration_ms": round(duration.total_seconds() * 1000) if duration is not None else None,
        "progress": None if task.progress is None else _progress(task),
        "result": masked(newest.result) if newest is not None and completed and with_payload else None,
        "error": error_shape(given_up or newest) if given_up or (newest and not completed) else None,
        "worker": task.worker or None,
        "timetable": timetable(task),
        "cancel_requested_at": task.cancel_requested_at,
        "depends_on": list(depends_on),
        "on_dependency_failure": task.on_dependency_failure,
        "unmet": task.unmet,
        "parked": task.parked or None,
        "compensates": task.compensates_id,
        "clone_of": task.clone_of_id,
        "created_by": name_of(task.created_by),
        "url": f"/api/tasks/{task.id}/",
    }


def _progress(task: Task) -> ProgressShape:
    return {"fraction": task.progress, "text": masked_text(task.progress_text)}


def timetable(task: Task) -> list[float]:
    """Returns the longest wait before each attempt after the first, in seconds."""
    return RetryPolicy.model_validate(task.retry).timetable(task.max_attempts)


def error_shape(failure: TaskAttempt | Failure | None) -> ErrorShape | None:
    if failure is None:
        return None
    message = failure.message if isinstance(failure, Failure) else failure.error_message
    return {"category": failure.category, "class": failure.error_class, "message": masked_text(message)}


def name_of(user: Any) -> str | None:
    return user.get_username() if user else None


def attempt_shape(attempt: TaskAttempt, *, with_payload: bool) -> AttemptShape:
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "worker": attempt.worker,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "duration_ms": attempt.duration_ms,
        "result": masked(attempt.result) if with_payload else None,
        "error": error_shape(attempt) if attempt.category else None,
        "traceback": (masked_text(attempt.traceback) or None) if with_payload else None,
    }


def event_shape(event: TaskEvent) -> EventShape:
    return {
        "at": event.at,
        "kind": event.kind,
        "attempt": event.attempt,
        "actor": name_of(event.actor),
        "reason": masked_text(event.reason) or None,
        "changes": event.changes,
    }


def log_shape(line: TaskLog) -> LogShape:
    return {
        "attempt": line.attempt,
        "at": line.at,
        "level": line.level,
        "message": masked_text(line.message),
        "fields": masked(line.fields),
    }


def type_shape(handler: registry.Handler, *, known_online: bool) -> TypeShape:
    return {
        "name": handler.name,
        "description": handler.description,
        "kind": handler.kind.value,
        "queue": handler.queue,
        "timeout": handler.timeout,
        "max_attempts": handler.max_attempts,
        "retry": handler.retry.model_dump(mode="json"),
        "timetable": RetryPolicy.timetable(handler.retry, handler.max_attempts),
        "can_be_compensated": handler.compensate is not None,
        "known_online": known_online,
        "schema": handler.payload.model_json_schema(),
    }


def type_shapes() -> list[TypeShape]:
    """Returns all that can be submitted here, by name."""
    known = {(line.queue, type_name) for line in selectors.online_lines() for type_name in line.types}
    return [type_shape(handler, known_online=(handler.queue, handler.name) in known) for handler in registry.handlers()]


def dead_letter_shape(letter: DeadLetter, *, with_payload: bool) -> DeadLetterShape:
    return {
        "id": letter.id,
        "task": letter.task_id,
        "type": letter.type,
        "category": letter.category,
        "error_class": letter.error_class,
        "message": masked_text(letter.message),
        "traceback": (masked_text(letter.traceback) or None) if with_payload else None,
        "fingerprint": letter.fingerprint,
        "attempts": letter.attempts,
        "created_at": letter.created_at,
        "resolution": letter.resolution or None,
        "resolved_at": letter.resolved_at,
        "resolved_by": name_of(letter.resolved_by),
    }


def report_shape(report: Report) -> ReportShape:
    return {"done": report.done, "requested": report.requested, "skipped": skipped_shape(report)}


def skipped_shape(report: Report, most: int | None = None) -> list[SkippedShape]:
    return [
        {"id": each, "status": status or None, "reason": reason or "this cannot be done in its state"}
        for each, (status, reason) in list(report.skipped.items())[:most]
    ]
