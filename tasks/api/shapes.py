"""What the API shows of a row."""

from typing import Any

from tasks import registry
from tasks.models import DeadLetter, Task, TaskAttempt, TaskLog
from tasks.retry_policy import RetryPolicy


def task_shape(task: Task, newest: TaskAttempt | None, *, with_payload: bool) -> dict[str, Any]:
    """`newest` is the newest attempt that has ended. Without the right to see payloads, those are null."""
    completed = newest is not None and newest.error_class == "" and newest.category == ""
    duration = (task.finished_at - task.started_at) if task.finished_at and task.started_at else None
    return {
        "id": task.id,
        "type": task.type,
        "name": task.name,
        "queue": task.queue,
        "priority": task.priority,
        "status": task.status,
        "payload": task.payload if with_payload else None,
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
        "progress": None if task.progress is None else {"fraction": task.progress, "text": task.progress_text},
        "result": newest.result if newest is not None and completed and with_payload else None,
        "error": None if newest is None or completed else error_shape(newest),
        "worker": task.worker or None,
        "created_by": task.created_by.get_username() if task.created_by else None,
        "url": f"/api/tasks/{task.id}/",
    }


def error_shape(attempt: TaskAttempt) -> dict[str, Any]:
    return {"category": attempt.category, "class": attempt.error_class, "message": attempt.error_message}


def attempt_shape(attempt: TaskAttempt, *, with_payload: bool) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "worker": attempt.worker,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "duration_ms": attempt.duration_ms,
        "result": attempt.result if with_payload else None,
        "error": error_shape(attempt) if attempt.category else None,
        "traceback": (attempt.traceback or None) if with_payload else None,
    }


def log_shape(line: TaskLog) -> dict[str, Any]:
    return {
        "attempt": line.attempt,
        "at": line.at,
        "level": line.level,
        "message": line.message,
        "fields": line.fields,
    }


def type_shape(handler: registry.Handler) -> dict[str, Any]:
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
        "schema": handler.payload.model_json_schema(),
    }


def dead_letter_shape(letter: DeadLetter, *, with_payload: bool) -> dict[str, Any]:
    return {
        "id": letter.id,
        "task": letter.task_id,
        "type": letter.type,
        "category": letter.category,
        "error_class": letter.error_class,
        "message": letter.message,
        "traceback": (letter.traceback or None) if with_payload else None,
        "fingerprint": letter.fingerprint,
        "attempts": letter.attempts,
        "created_at": letter.created_at,
        "resolution": letter.resolution or None,
        "resolved_at": letter.resolved_at,
        "resolved_by": letter.resolved_by.get_username() if letter.resolved_by else None,
    }
