"""The page that submits a task: form, service, log entry, and on to the task."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponse
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.forms import AdminForm

from tasks.admin.submission_form import SubmissionForm, type_facts
from tasks.models import Task
from tasks.services import Submitted

ROWS = [
    "type",
    "payload",
    ("name", "tags"),
    ("queue", "priority"),
    ("delay", "run_at"),
    ("max_attempts", "timeout"),
    ("retry", "idempotency_key"),
    ("depends_on", "on_dependency_failure"),
    "compensate",
]


class SubmissionPage(ModelAdmin):
    """Instead of the admin's own add page, which would write a row: a task is made by the service."""

    add_form_template = "admin/tasks/submission_page.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("tasks.add_task")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SubmissionForm(request.POST if request.method == "POST" else None)
        if request.method == "POST":
            # The task and the entry that says who made it come together or not at all.
            with transaction.atomic():
                submitted = form.submit(request.user)
                if submitted is not None and submitted.created:
                    self.log_addition(request, Task.objects.get(pk=submitted.id), [{"added": {}}])
            if submitted is not None:
                return self._go_to_task(request, submitted)
        adminform = AdminForm(form, [(None, {"fields": ROWS})], {}, (), model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": "Submit a task",
            "adminform": adminform,
            "media": self.media + adminform.media,
            "errors": form.errors,
            "inline_admin_formsets": [],
            "preserved_filters": self.get_preserved_filters(request),
            "is_popup": False,
            "types": type_facts(),
            **(extra_context or {}),
        }
        response: HttpResponse = self.render_change_form(request, context, add=True, form_url=form_url)
        return response

    def _go_to_task(self, request: HttpRequest, submitted: Submitted) -> HttpResponse:
        if submitted.created:
            self.message_user(request, "The task was submitted.", messages.SUCCESS)
        else:
            words = (
                "This idempotency key was used before: this is the task that it made, and nothing new was submitted."
            )
            self.message_user(request, words, messages.WARNING)
        if self.has_view_permission(request):
            return HttpResponseRedirect(reverse("admin:tasks_task_change", args=[submitted.id]))
        return HttpResponseRedirect(reverse("admin:index"))
