"""What the page of a dead letter shows besides its row: its attempts, its likes, and what a reprocess would do."""

from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tasks import failure_overviews, services
from tasks.admin.attempt_admin import task_link
from tasks.admin.contents import error_line, shortened
from tasks.admin.times import age, span
from tasks.masking import masked_text
from tasks.models import DeadLetter, Task, TaskAttempt
from tasks.states import TaskStatus

ATTEMPTS_SHOWN, SIMILAR_SHOWN = 20, 10


def evidence_of(row: Any) -> list[dict[str, Any]]:
    """Returns tables for the page."""
    tables = [_attempts(row)] if row.task_id else []
    return [*tables, _similar(row)]


def would_do(row: Any) -> str:
    """Returns in a sentence what a reprocess would do with the payload as it is."""
    if row.task_id is None:
        return "It is a message that belongs to no task: it can only be discarded."
    task = Task.objects.filter(pk=row.task_id).defer("payload").first()
    if task is None:
        return "Its task is gone: it can only be discarded."
    if task.status != TaskStatus.FAILED:
        return f"Nothing: its task is {task.get_status_display().lower()} by now."
    if task.unmet:
        return "Nothing by itself: its task failed because of one that it depends on. Reprocess that one."
    preview = services.preview_reprocess(DeadLetter.objects.filter(pk=row.pk))
    if preview.invalid:
        problems = "; ".join(f"{each['attr']}: {each['detail']}" for each in preview.samples[0].errors[:3])
        return f"Its payload would be refused as it is: {masked_text(problems)}. Change it with the reprocess."
    return (
        f"The task keeps its id, is due at once in the queue {task.queue}, and has {task.budget} more attempts:"
        f" the next is number {task.attempt + 1}."
    )


def letter_link(letter: DeadLetter) -> SafeString:
    address = reverse("admin:tasks_deadletter_change", args=[letter.pk])
    return format_html('<a class="text-link ty-nowrap" href="{}">{}</a>', address, str(letter.pk)[-12:])


def _attempts(row: Any) -> dict[str, Any]:
    attempts = TaskAttempt.objects.filter(task_id=row.task_id).defer("traceback", "result").order_by("-number")
    rows = [
        (
            attempt.number,
            attempt.get_outcome_display(),
            attempt.get_category_display(),
            age(attempt.finished_at, row.seen_at),
            span(attempt.duration_ms / 1000),
            attempt.worker,
            shortened(error_line(attempt.error_class, attempt.error_message), 120),
        )
        for attempt in attempts[:ATTEMPTS_SHOWN]
    ]
    headers = ["No.", "Outcome", "Category", "Ended", "Duration", "Worker", "Error"]
    return {"title": "Attempts of its task, the newest first", "headers": headers, "rows": rows}


def _similar(row: Any) -> dict[str, Any]:
    rows = [
        (
            letter_link(letter),
            task_link(letter.task_id, letter.task or letter.task_id) if letter.task_id else letter.type or "message",
            letter.get_resolution_display() or "Open",
            age(letter.created_at, row.seen_at),
            shortened(masked_text(letter.message), 100),
        )
        for letter in failure_overviews.similar_to(row, SIMILAR_SHOWN)
    ]
    headers = ["Dead letter", "Task", "Resolution", "Died", "Message"]
    return {"title": f"Similar ones (at most {SIMILAR_SHOWN})", "headers": headers, "rows": rows}
