"""What the row says, in words, and links to what belongs to it."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tasks.admin.contents import shown
from tasks.admin.dead_letter_admin import resolution_of
from tasks.admin.relations import kin
from tasks.admin.times import span, stamp_and_age
from tasks.models import DeadLetter, Task, TaskEvent
from tasks.retry_policy import RetryPolicy
from tasks.states import TaskStatus
from tasks.wording import visible


def run_time(task: Any) -> str | None:
    """Returns how long the newest attempt took, or has been running."""
    if task.started_at is None:
        return None
    if task.finished_at is not None:
        return span((task.finished_at - task.started_at).total_seconds())
    if task.status == TaskStatus.PROCESSING:
        return span((task.seen_at - task.started_at).total_seconds())
    return None


def facts_of(request: HttpRequest, task: Any, events: Iterable[TaskEvent]) -> list[tuple[str, Any]]:
    uncounted = f" (number {task.attempt}, {task.uncounted} not counted)" if task.uncounted else ""
    facts = [
        ("Id", task.id),
        ("Type", visible(task.type)),
        ("Name", visible(task.name)),
        ("Queue", queue_link(request, task.queue)),
        ("Priority", task.priority),
        ("Attempt", f"{task.failures} of {task.max_attempts}{uncounted}"),
        ("Worker", worker_link(request, task.worker)),
        ("Created", stamp_and_age(task.created_at, task.seen_at)),
        ("Created by", task.created_by),
        ("Not before", stamp_and_age(task.run_at, task.seen_at)),
        ("Queued", stamp_and_age(task.queued_at, task.seen_at)),
        ("Started", stamp_and_age(task.started_at, task.seen_at)),
        ("Finished", stamp_and_age(task.finished_at, task.seen_at)),
        ("Duration", run_time(task)),
        ("Timeout of an attempt", span(task.timeout)),
        ("Retries", retries(task)),
        ("Payload size", f"{task.payload_bytes:,} bytes"),
        ("Tags", ", ".join(visible(str(tag)) for tag in task.tags)),
        ("Idempotency key", task.idempotency_key and visible(task.idempotency_key)),
        ("Dead letter", _dead_letters(request, task)),
    ]
    # These are rare, and then worth a look: they take no place elsewhere.
    if task.progress is not None:
        facts.append(("Progress", f"{task.progress:.0%} {shown(task.progress_text)}"))
    if task.lease_expires_at is not None:
        facts.append(("Lease until", stamp_and_age(task.lease_expires_at, task.seen_at)))
    if task.cancel_requested_at is not None:
        facts.append(("Cancel requested", stamp_and_age(task.cancel_requested_at, task.seen_at)))
    if task.parked:
        facts.append(("Passed over", visible(task.parked)))
    if task.unmet:
        facts.append(("Still waits for", "1 task" if task.unmet == 1 else f"{task.unmet:,} tasks"))
    facts += kin(request, task, events)
    if task.losses:
        facts.append(("Processes lost alone with it", task.losses))
    if task.returns:
        facts.append(("Messages lost", task.returns))
    if task.suspect:
        facts.append(("Runs alone", "it was in a process that died"))
    return facts


def retries(task: Task) -> str:
    policy = RetryPolicy.model_validate(task.retry)
    waits = policy.timetable(min(task.max_attempts, 6))
    if not waits:
        return "none"
    if not any(waits):
        return "at once"
    more = ", …" if task.max_attempts > 6 else ""
    limit = "up to " if policy.jitter else ""
    return f"{policy.kind.value}, after {limit}" + ", ".join(span(wait) for wait in waits) + more


def queue_link(request: HttpRequest, name: str) -> SafeString | str:
    return _link(request, "queue", name)


def worker_link(request: HttpRequest, name: str) -> SafeString | str:
    return _link(request, "worker", name)


def _link(request: HttpRequest, model: str, pk: str) -> SafeString | str:
    if not pk or not request.user.has_perm(f"tasks.view_{model}"):
        return visible(pk)
    address = reverse(f"admin:tasks_{model}_change", args=[pk])
    return format_html('<a class="text-link" href="{}">{}</a>', address, visible(pk))


def _dead_letters(request: HttpRequest, task: Task) -> SafeString | str | None:
    newest = DeadLetter.objects.filter(task_id=task.id).defer("traceback", "body").order_by("-created_at").first()
    if newest is None:
        return None
    words = resolution_of(newest)[1]
    if not request.user.has_perm("tasks.view_deadletter"):
        return words
    address = reverse("admin:tasks_deadletter_change", args=[newest.id])
    return format_html('<a class="text-link" href="{}">{}</a>', address, words)
