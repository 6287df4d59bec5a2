"""Tasks: the list, the page of one task, and the form that submits one."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from tasks.admin.badges import STATUS_COLOURS
from tasks.admin.filters import TASK_FILTERS
from tasks.admin.selection_list import SelectionList
from tasks.admin.submission_page import SubmissionPage
from tasks.admin.task_page import run_time, task_page
from tasks.admin.task_verbs import VERBS
from tasks.admin.times import age
from tasks.models import Task
from tasks.searching import TASKS


@admin.register(Task)
class TaskAdmin(SubmissionPage, SelectionList):
    selects = TASKS
    verbs = VERBS
    breakdown = "status"
    list_display = ("badge", "title", "queue", "priority", "attempts", "created", "duration", "worker_name")
    list_display_links = ("badge", "title")
    list_filter = TASK_FILTERS
    list_defer = ("payload", "retry", "tags", "idempotency_key", "idempotency_hash", "incarnation")
    change_form_template = "admin/tasks/task_page.html"

    class Media:
        css: ClassVar = {"all": ["tasks/task_page.css"]}

    @display(description="Status", label=STATUS_COLOURS)
    def badge(self, task: Task) -> tuple[str, str]:
        return task.status, task.get_status_display()

    @display(description="Task")
    def title(self, task: Task) -> SafeString | str:
        if not task.name:
            return task.type
        return format_html('{} <span class="ty-quiet">{}</span>', task.name, task.type)

    @display(description="Attempt")
    def attempts(self, task: Task) -> str:
        return f"{task.failures}/{task.max_attempts}"

    @display(description="Age")
    def created(self, task: Any) -> SafeString | None:
        return age(task.created_at, task.seen_at)

    @display(description="Duration")
    def duration(self, task: Any) -> str | None:
        return run_time(task)

    @display(description="Worker")
    def worker_name(self, task: Task) -> str | None:
        return task.worker or None

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return task_page(request, row)
