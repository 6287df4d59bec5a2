"""Workers as they describe themselves with each heartbeat. No page asks a living worker anything."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from tasks import machinery, topology
from tasks.admin.badges import WORKER_COLOURS
from tasks.admin.queue_face import tasks_address
from tasks.admin.read_only import ReadOnlyAdmin
from tasks.admin.times import age, since, span, stamp_and_age
from tasks.machinery import RUNNING_SHOWN
from tasks.models import Worker
from tasks.states import Kind, TaskStatus, WorkerState

_MEANING = {
    WorkerState.ALIVE: "its heartbeats come",
    WorkerState.SUSPECTED: "heartbeats are missing; what it runs is still its own, and it is sent more",
    WorkerState.GONE: "nothing was heard of it for so long that it counts as gone; what it ran comes back",
    WorkerState.STOPPED: "it was stopped on purpose",
}


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = (
        "badge", "title", "heartbeat", "last_task", "runs", "processes", "group", "queue_names", "release",
        "known_types",
    )  # fmt: skip
    list_display_links = ("badge", "title")
    list_filter = ("group",)
    ordering = ("-heartbeat_at", "name")
    change_form_template = "admin/tasks/worker_page.html"

    class Media:
        css: ClassVar = {"all": ["tasks/admin.css", "tasks/queues.css"]}

    def prepare(self, rows: Iterable[Any]) -> None:
        rows = list(rows)
        super().prepare(rows)
        running = machinery.running_by_worker(row.name for row in rows)
        for row in rows:
            row.state = machinery.worker_state(row, row.seen_at)
            row.running = running.get(row.name, 0)

    @display(description="State", label=WORKER_COLOURS)
    def badge(self, worker: Any) -> tuple[str, str]:
        return worker.state.value, worker.state.label

    @display(description="Worker")
    def title(self, worker: Worker) -> SafeString:
        return format_html(
            '{} <span class="ty-quiet ty-under">{} · pid {}</span>', worker.name, worker.host, worker.pid
        )

    @display(description="Queues")
    def queue_names(self, worker: Worker) -> str | None:
        return in_words(worker.queues) or None

    @display(description="Runs now")
    def runs(self, worker: Any) -> SafeString | str:
        if not worker.running:
            return "0"
        address = tasks_address(worker=worker.name, status=TaskStatus.PROCESSING.value)
        return format_html('<a href="{}">{}</a>', address, f"{worker.running:,}")

    @display(description="Types")
    def known_types(self, worker: Worker) -> SafeString:
        return format_html('<span title="{}">{}</span>', ", ".join(sorted(worker.types)), len(worker.types))

    @display(description="Heartbeat")
    def heartbeat(self, worker: Any) -> SafeString | None:
        return age(worker.heartbeat_at, worker.seen_at)

    @display(description="Last task")
    def last_task(self, worker: Any) -> SafeString | None:
        return age(worker.last_task_at, worker.seen_at)

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        means = {name: span(mean / 1000) for name, mean in row.means.items()}
        leases = machinery.running_on(row.name) if request.user.has_perm("tasks.view_task") else None
        return {
            "badges": [(row.state.label, WORKER_COLOURS[row.state])],
            "facts": [
                ("Name", row.name),
                ("State", _MEANING[row.state]),
                ("Heartbeat", stamp_and_age(row.heartbeat_at, row.seen_at)),
                ("Last task taken", stamp_and_age(row.last_task_at, row.seen_at)),
                ("Host", row.host),
                ("Process id", row.pid),
                ("Group", row.group),
                ("Release", row.release),
                ("Processes", row.processes),
                ("Queues", in_words(row.queues)),
                ("Started", stamp_and_age(row.started_at, row.seen_at)),
                ("Stopped", stamp_and_age(row.stopped_at, row.seen_at)),
            ],
            "leases": None if leases is None else [_lease(task, row) for task in leases[:RUNNING_SHOWN]],
            "more_leases": leases is not None and len(leases) > RUNNING_SHOWN,
            "leases_address": tasks_address(worker=row.name, status=TaskStatus.PROCESSING.value),
            "types": [(name, kind, means.get(name)) for name, kind in sorted(row.types.items())],
        }


def in_words(lines: Iterable[str]) -> str:
    """Returns the queues, with the kind where it is one alone: "default, http (async)"."""
    kinds: dict[str, list[str]] = {}
    for line in lines:
        queue, _, kind = line.rpartition(".") if topology.is_line(line) else (line, "", "")
        kinds.setdefault(queue, []).extend([kind] if kind else [])
    both = len(Kind)
    return ", ".join(f"{queue} ({found[0]})" if 0 < len(found) < both else queue for queue, found in kinds.items())


def _lease(task: Any, worker: Any) -> dict[str, Any]:
    runs = (worker.seen_at - task.started_at).total_seconds()
    return {
        "address": reverse("admin:tasks_task_change", args=[task.pk]),
        "name": task.name or task.type,
        "type": task.type,
        "queue": task.queue,
        "attempt": task.attempt,
        "runs": span(max(0.0, runs)),
        "timeout": span(task.timeout),
        "lease": since(task.lease_expires_at, worker.seen_at),
        "is_over": task.lease_expires_at < worker.seen_at,
        "progress": None if task.progress is None else f"{task.progress:.0%}",
    }
