"""Queues: what goes there and who serves it. Only the description can be edited."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from tasks import registry, selectors
from tasks.admin.read_only import ReadOnlyAdmin
from tasks.models import Queue


@admin.register(Queue)
class QueueAdmin(ReadOnlyAdmin):
    list_display = ("name", "description", "types", "served_by")
    ordering = ("name",)
    fields = ("name", "description", "types", "served_by")
    readonly_fields = ("name", "types", "served_by")
    change_form_template = None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("tasks.change_queue")

    def prepare(self, rows: Iterable[Any]) -> None:
        serving: dict[str, list[str]] = {}
        for line in selectors.online_lines():
            serving.setdefault(line.queue, []).append(f"{line.processes} {line.kind.value}")
        for row in rows:
            row.serving = serving.get(row.name, [])

    @display(description="Types that go there")
    def types(self, queue: Queue) -> str | None:
        return ", ".join(handler.name for handler in registry.handlers() if handler.queue == queue.name) or None

    @display(description="Online processes")
    def served_by(self, queue: Any) -> str:
        return ", ".join(queue.serving) or "none"
