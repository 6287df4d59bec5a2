"""What the page of one task shows: a constant number of queries, and bounded lists whatever the task went through."""

import json
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tasks import overviews
from tasks.admin.badges import LEVEL_COLOURS, OUTCOME_COLOURS, STATUS_COLOURS
from tasks.admin.contents import error_line, may_see_contents, pretty
from tasks.admin.dead_letter_admin import resolution_of
from tasks.admin.relations import kin, relations
from tasks.admin.times import span, stamp, stamp_and_age
from tasks.masking import masked, masked_text
from tasks.models import DeadLetter, Task, TaskAttempt, TaskEvent, TaskLog
from tasks.retry_policy import RetryPolicy
from tasks.states import Outcome, TaskStatus

ATTEMPTS_SHOWN, LOGS_SHOWN, EVENTS_SHOWN = 50, 200, 100

Row = dict[str, Any]


def task_page(request: HttpRequest, task: Any) -> Row:
    """Returns what the template shows. The task comes with `seen_at`."""
    seen = may_see_contents(request)
    stored = task.attempts.order_by("-number")
    if not seen:
        stored = stored.defer("result", "traceback")
    attempts: list[TaskAttempt] = list(stored[:ATTEMPTS_SHOWN])
    completed = bool(attempts) and attempts[0].outcome == Outcome.COMPLETED
    running = [_running(task)] if task.status == TaskStatus.PROCESSING else []
    return {
        "badges": [(task.get_status_display(), STATUS_COLOURS.get(task.status, ""))],
        "facts": _facts(request, task),
        "error": _given_up(task, attempts[0] if attempts else None),
        "contents": [
            ("Payload", pretty(task.payload) if seen else ""),
            ("Result", pretty(attempts[0].result) if seen and completed else ""),
        ],
        "attempts": running + [_attempt(attempt, seen) for attempt in attempts],
        "older_attempts": len(attempts) == ATTEMPTS_SHOWN,
        "log": _log(task) if seen else [],
        "log_is_cut_at": LOGS_SHOWN,
        "relations": relations(task),
        "events": [_event(event) for event in task.events.select_related("actor").order_by("-id")[:EVENTS_SHOWN]],
    }


def run_time(task: Any) -> str | None:
    """Returns how long the newest attempt took, or has been running."""
    if task.started_at is None:
        return None
    if task.finished_at is not None:
        return span((task.finished_at - task.started_at).total_seconds())
    if task.status == TaskStatus.PROCESSING:
        return span((task.seen_at - task.started_at).total_seconds())
    return None


def _facts(request: HttpRequest, task: Any) -> list[tuple[str, Any]]:
    uncounted = f" (number {task.attempt}, {task.uncounted} not counted)" if task.uncounted else ""
    facts = [
        ("Id", task.id),
        ("Type", task.type),
        ("Name", task.name),
        ("Queue", task.queue),
        ("Priority", task.priority),
        ("Attempt", f"{task.failures} of {task.max_attempts}{uncounted}"),
        ("Worker", task.worker),
        ("Created", stamp_and_age(task.created_at, task.seen_at)),
        ("Created by", task.created_by),
        ("Not before", stamp_and_age(task.run_at, task.seen_at)),
        ("Queued", stamp_and_age(task.queued_at, task.seen_at)),
        ("Started", stamp_and_age(task.started_at, task.seen_at)),
        ("Finished", stamp_and_age(task.finished_at, task.seen_at)),
        ("Duration", run_time(task)),
        ("Timeout of an attempt", span(task.timeout)),
        ("Retries", _retries(task)),
        ("Payload size", f"{task.payload_bytes:,} bytes"),
        ("Tags", ", ".join(str(tag) for tag in task.tags)),
        ("Idempotency key", task.idempotency_key),
        ("Dead letter", _dead_letters(request, task)),
    ]
    # These are rare, and then worth a look: they take no place elsewhere.
    if task.progress is not None:
        facts.append(("Progress", f"{task.progress:.0%} {masked_text(task.progress_text)}"))
    if task.lease_expires_at is not None:
        facts.append(("Lease until", stamp_and_age(task.lease_expires_at, task.seen_at)))
    if task.cancel_requested_at is not None:
        facts.append(("Cancel requested", stamp_and_age(task.cancel_requested_at, task.seen_at)))
    if task.parked:
        facts.append(("Passed over", task.parked))
    if task.unmet:
        facts.append(("Still waits for", "1 task" if task.unmet == 1 else f"{task.unmet:,} tasks"))
    facts += kin(task)
    if task.losses:
        facts.append(("Processes lost alone with it", task.losses))
    if task.returns:
        facts.append(("Messages lost", task.returns))
    if task.suspect:
        facts.append(("Runs alone", "it was in a process that died"))
    return facts


def _given_up(task: Task, newest: TaskAttempt | None) -> str:
    """Returns why the task failed without an attempt; why an attempt failed is said with it."""
    failures = overviews.failures_without_attempt([task], {task.id: newest} if newest else {})
    failure = failures.get(task.id)
    return error_line(failure.error_class, failure.message) if failure else ""


def _retries(task: Task) -> str:
    policy = RetryPolicy.model_validate(task.retry)
    waits = policy.timetable(min(task.max_attempts, 6))
    if not waits:
        return "none"
    if not any(waits):
        return "at once"
    more = ", …" if task.max_attempts > 6 else ""
    limit = "up to " if policy.jitter else ""
    return f"{policy.kind.value}, after {limit}" + ", ".join(span(wait) for wait in waits) + more


def _dead_letters(request: HttpRequest, task: Task) -> SafeString | str | None:
    newest = DeadLetter.objects.filter(task_id=task.id).defer("traceback", "body").order_by("-created_at").first()
    if newest is None:
        return None
    words = resolution_of(newest)[1]
    if not request.user.has_perm("tasks.view_deadletter"):
        return words
    address = reverse("admin:tasks_deadletter_change", args=[newest.id])
    return format_html('<a class="text-link" href="{}">{}</a>', address, words)


def _running(task: Any) -> Row:
    return {
        "number": task.attempt,
        "outcome": "Running",
        "colour": STATUS_COLOURS[TaskStatus.PROCESSING],
        "worker": task.worker,
        "started": stamp_and_age(task.started_at, task.seen_at),
        "duration": run_time(task),
    }


def _attempt(attempt: TaskAttempt, seen: bool) -> Row:
    # A failed attempt keeps the details that its handler gave as its result; that of a completed one is shown above.
    details = seen and attempt.outcome != Outcome.COMPLETED and attempt.result is not None
    return {
        "number": attempt.number,
        "outcome": attempt.get_outcome_display(),
        "colour": OUTCOME_COLOURS.get(attempt.outcome, ""),
        "worker": attempt.worker,
        "started": stamp(attempt.started_at),
        "finished": stamp(attempt.finished_at),
        "duration": span(attempt.duration_ms / 1000),
        "category": attempt.get_category_display(),
        "error": error_line(attempt.error_class, attempt.error_message),
        "details": pretty(attempt.result) if details else "",
        "traceback": masked_text(attempt.traceback) if seen else "",
    }


def _log(task: Task) -> list[Row]:
    newest: list[TaskLog] = list(TaskLog.objects.filter(task_id=task.id).order_by("-id")[:LOGS_SHOWN])
    return [
        {
            "at": stamp(line.at),
            "attempt": line.attempt,
            "level": line.level,
            "colour": LEVEL_COLOURS.get(line.level, ""),
            "message": masked_text(line.message),
            "fields": json.dumps(masked(line.fields), ensure_ascii=False) if line.fields else "",
        }
        for line in reversed(newest)
    ]


def _event(event: TaskEvent) -> Row:
    return {
        "at": stamp(event.at),
        "kind": event.get_kind_display(),
        "attempt": event.attempt,
        "actor": event.actor,
        "reason": masked_text(event.reason),
        "changes": [(name, *values) for name, values in (event.changes or {}).items()],
    }
