"""Queues: what waits in them, who serves them, pausing and limits. Only the description is edited in place."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from tasks import overviews, registry, selectors
from tasks.admin.queue_verbs import VERBS
from tasks.admin.times import stamp
from tasks.admin.verb_pages import VerbPages
from tasks.models import Queue
from tasks.states import TaskStatus

OPEN, PAUSED = "open", "paused"
STATE_COLOURS = {OPEN: "success", PAUSED: "warning"}


@admin.register(Queue)
class QueueAdmin(VerbPages):
    verbs = VERBS
    list_display = ("name", "state", "waiting", "running", "limits", "types", "served_by", "description")
    list_select_related = ("paused_by",)
    ordering = ("name",)
    fields = ("name", "description", "paused_since", "waiting", "running", "limits", "types", "served_by")
    readonly_fields = fields[:1] + fields[2:]
    change_form_template = None
    change_form_outer_before_template = "admin/tasks/verb_buttons.html"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("tasks.change_queue")

    def prepare(self, rows: Iterable[Any]) -> None:
        serving: dict[str, list[str]] = {}
        for line in selectors.online_lines():
            serving.setdefault(line.queue, []).append(f"{line.processes} {line.kind.value}")
        counts = overviews.counts_by_queue()
        for row in rows:
            row.serving = serving.get(row.name, [])
            row.counts = counts.get(row.name, overviews.no_counts())

    @display(description="State", label=STATE_COLOURS)
    def state(self, queue: Queue) -> tuple[str, str]:
        word = PAUSED if queue.paused else OPEN
        return word, word.capitalize()

    @display(description="Paused")
    def paused_since(self, queue: Queue) -> str:
        if not queue.paused:
            return "no"
        said = [f"since {stamp(queue.paused_at)}"] if queue.paused_at else []
        if queue.paused_by:
            said.append(f"by {queue.paused_by}")
        return ", ".join(said) + (f": {queue.pause_reason}" if queue.pause_reason else "")

    @display(description="Waiting")
    def waiting(self, queue: Any) -> str:
        counts = {name: n for name, n in queue.counts.items() if n and name != TaskStatus.PROCESSING}
        return ", ".join(f"{n:,} {name}" for name, n in counts.items()) or "nothing"

    @display(description="Processing")
    def running(self, queue: Any) -> str:
        return f"{queue.counts[TaskStatus.PROCESSING]:,}"

    @display(description="Limits")
    def limits(self, queue: Queue) -> str:
        said = []
        if queue.rate_limit is not None:
            said.append(f"{queue.rate_limit:g} a second")
        if queue.concurrency_limit is not None:
            said.append(f"{queue.concurrency_limit:,} at once")
        return ", ".join(said) or "none"

    @display(description="Types that go there")
    def types(self, queue: Queue) -> str | None:
        return ", ".join(handler.name for handler in registry.handlers() if handler.queue == queue.name) or None

    @display(description="Online processes")
    def served_by(self, queue: Any) -> str:
        return ", ".join(queue.serving) or "none"
