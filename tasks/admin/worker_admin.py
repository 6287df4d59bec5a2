"""Workers as they describe themselves with each heartbeat. No page asks a living worker anything."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from tasks import selectors
from tasks.admin.badges import OFFLINE, ONLINE, STOPPED, WORKER_COLOURS
from tasks.admin.read_only import ReadOnlyAdmin
from tasks.admin.times import age, span, stamp_and_age
from tasks.models import Worker


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("badge", "name", "group", "queue_names", "known_types", "processes", "heartbeat", "last_task")
    list_display_links = ("badge", "name")
    list_filter = ("group",)
    ordering = ("-heartbeat_at", "name")

    def prepare(self, rows: Iterable[Any]) -> None:
        super().prepare(rows)
        online = set(selectors.online_worker_names())
        for row in rows:
            row.state = ONLINE if row.name in online else STOPPED if row.stopped_at else OFFLINE

    @display(description="State", label=WORKER_COLOURS)
    def badge(self, worker: Any) -> tuple[str, str]:
        return worker.state, worker.state.capitalize()

    @display(description="Queues")
    def queue_names(self, worker: Worker) -> str | None:
        return ", ".join(worker.queues) or None

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
        return {
            "badges": [(row.state.capitalize(), WORKER_COLOURS[row.state])],
            "facts": [
                ("Name", row.name),
                ("Host", row.host),
                ("Process id", row.pid),
                ("Group", row.group),
                ("Release", row.release),
                ("Processes", row.processes),
                ("Queues", ", ".join(row.queues)),
                ("Started", stamp_and_age(row.started_at, row.seen_at)),
                ("Heartbeat", stamp_and_age(row.heartbeat_at, row.seen_at)),
                ("Stopped", stamp_and_age(row.stopped_at, row.seen_at)),
                ("Last task taken", stamp_and_age(row.last_task_at, row.seen_at)),
            ],
            "tables": [
                {
                    "title": "Types it knows",
                    "headers": ("Type", "Kind", "Mean run time"),
                    "rows": [(name, kind, means.get(name)) for name, kind in sorted(row.types.items())],
                }
            ],
        }
