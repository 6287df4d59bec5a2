"""Queues: what waits in them, how fast it comes and goes, who serves them, pausing and limits."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import display

from tasks import queue_figures
from tasks.admin.queue_face import NEVER, Face
from tasks.admin.queue_page import queue_page
from tasks.admin.queue_verbs import VERBS
from tasks.admin.verb_pages import VerbPages
from tasks.models import Queue


@admin.register(Queue)
class QueueAdmin(VerbPages):
    verbs = VERBS
    list_display = ("title", "state", "depth", "oldest", "flow", "drains_in", "workers", "running")
    list_display_links = ("title",)
    list_select_related = ("paused_by",)
    ordering = ("name",)
    change_form_template = "admin/tasks/queue_page.html"

    class Media:
        css: ClassVar = {"all": ["tasks/admin.css", "tasks/queues.css"]}

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("paused_by")

    def prepare(self, rows: Iterable[Any]) -> None:
        rows = list(rows)
        super().prepare(rows)
        figures = queue_figures.figures_of(rows)
        for row in rows:
            row.face = Face(row, figures[row.name])

    @display(description="Queue")
    def title(self, queue: Queue) -> SafeString | str:
        if not queue.description:
            return queue.name
        return format_html('{} <span class="ty-quiet ty-under">{}</span>', queue.name, queue.description)

    @display(description="State")
    def state(self, queue: Any) -> SafeString:
        return render_to_string("admin/tasks/queue_badges.html", {"face": queue.face})

    @display(description="Waiting")
    def depth(self, queue: Any) -> SafeString:
        parts = queue.face.parts
        if len(parts) == 1:
            return format_html('<a href="{}"><b>{}</b></a> {}', parts[0][2], queue.face.depth, parts[0][1])
        said = format_html_join(" · ", '<a href="{2}">{0} {1}</a>', parts)
        return format_html('<b>{}</b> <span class="ty-quiet ty-under">{}</span>', queue.face.depth, said)

    @display(description="Oldest")
    def oldest(self, queue: Any) -> SafeString:
        return format_html('<span class="ty-nowrap">{}</span>', queue.face.oldest)

    @display(description="In / out")
    def flow(self, queue: Any) -> SafeString:
        return format_html('<span class="ty-nowrap">{} / {}</span>', queue.face.comes, queue.face.goes)

    @display(description="Drains in")
    def drains_in(self, queue: Any) -> SafeString:
        words = queue.face.drains_in
        look = "ty-nowrap ty-alarm" if words == NEVER else "ty-nowrap"
        return format_html('<span class="{}">{}</span>', look, words)

    @display(description="Processes")
    def workers(self, queue: Any) -> SafeString:
        face: Face = queue.face
        if not face.figures.listening:
            return format_html('<b class="{}">none</b>', "ty-alarm")
        return format_html('{} <span class="ty-quiet ty-under">{}</span>', face.figures.listening, face.kinds)

    @display(description="Running")
    def running(self, queue: Any) -> SafeString:
        return render_to_string("admin/tasks/queue_gauge.html", {"face": queue.face})

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return queue_page(request, row)
