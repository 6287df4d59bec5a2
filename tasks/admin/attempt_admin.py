"""Attempts: one row for each claim that has ended."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from tasks.admin.badges import OUTCOME_COLOURS
from tasks.admin.contents import error_line, may_see_contents, pretty, shortened
from tasks.admin.read_only import ReadOnlyAdmin
from tasks.admin.times import age, span, stamp_and_age
from tasks.masking import masked_text
from tasks.models import TaskAttempt


@admin.register(TaskAttempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("badge", "task_type", "number", "worker", "started", "duration", "error")
    list_display_links = ("badge", "number")
    list_filter = ("outcome", "category")
    list_select_related = ("task",)
    list_defer = ("result", "traceback", "incarnation", "task__payload", "task__retry", "task__tags")
    ordering = ("-id",)
    search_fields = ("task_id",)
    search_help_text = "Id of a task"

    @display(description="Outcome", label=OUTCOME_COLOURS)
    def badge(self, attempt: TaskAttempt) -> tuple[str, str]:
        return attempt.outcome, attempt.get_outcome_display()

    @display(description="Task")
    def task_type(self, attempt: TaskAttempt) -> SafeString:
        return task_link(attempt.task_id, attempt.task.name or attempt.task.type)

    @display(description="Started")
    def started(self, attempt: Any) -> SafeString | None:
        return age(attempt.started_at, attempt.seen_at)

    @display(description="Duration")
    def duration(self, attempt: TaskAttempt) -> str:
        return span(attempt.duration_ms / 1000)

    @display(description="Error")
    def error(self, attempt: TaskAttempt) -> str | None:
        return shortened(error_line(attempt.error_class, attempt.error_message), 90) or None

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        seen = may_see_contents(request)
        return {
            "badges": [(row.get_outcome_display(), OUTCOME_COLOURS.get(row.outcome, ""))],
            "facts": [
                ("Task", task_link(row.task_id, row.task)),
                ("Number", row.number),
                ("Worker", row.worker),
                ("Started", stamp_and_age(row.started_at, row.seen_at)),
                ("Finished", stamp_and_age(row.finished_at, row.seen_at)),
                ("Duration", span(row.duration_ms / 1000)),
                ("Category", row.get_category_display()),
            ],
            "error": error_line(row.error_class, row.error_message),
            "contents": [
                ("Result", pretty(row.result) if seen and row.result is not None else ""),
                ("Traceback", masked_text(row.traceback) if seen else ""),
            ],
        }


def task_link(task_id: Any, words: Any) -> SafeString:
    """Returns a link to a task's page."""
    return format_html(
        '<a class="text-link" href="{}">{}</a>', reverse("admin:tasks_task_change", args=[task_id]), words
    )
