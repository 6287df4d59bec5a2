"""The dispatcher on the embedded broker's real files, and the broker's other end."""

import uuid
from pathlib import Path
from typing import Any

from celery import current_app

from tasks import database, topology
from tasks.dispatching import Dispatcher
from tasks.leadership import Lead
from tasks.models import Task, Worker
from tasks.publishing import FilesPublisher
from tasks.states import TaskStatus

NOOP, ECHO = "sample.noop", "sample.echo"


class Desk:
    """The dispatcher, and the broker's other end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lead = Lead()
        assert self.lead.acquire()
        self.dispatcher = Dispatcher(self.lead, FilesPublisher())

    def turn(self) -> bool:
        self.dispatcher._lines_until = 0.0  # workers of the test may have come since
        return self.dispatcher.turn(self.lead.term() or 0)

    def received(self, line: str = "default.plain", most: int = 1_000) -> list[tuple[list[uuid.UUID], int, bool]]:
        """Takes the line's messages from the broker: the ids, the priority, and whether they travel alone."""
        found: list[tuple[list[uuid.UUID], int, bool]] = []
        with current_app.connection_for_read() as link, link.channel() as channel:
            while len(found) < most and (message := channel.basic_get(topology.namespaced(line), no_ack=True)):
                _, words, _ = message.payload
                ids = [uuid.UUID(each) for each in words["ids"]]
                found.append((ids, message.properties["priority"], words.get("alone", False)))
        return found


def a_worker(name: str = "w1@test", *, means: dict[str, float] | None = None, **fields: Any) -> None:
    now = database.now()
    values: dict[str, Any] = {
        "host": "here", "pid": 1, "group": "default", "queues": ["default.plain", "default.async"], "release": "1",
        "types": {NOOP: "plain", ECHO: "plain", "sample.async_noop": "async"}, "means": means or {}, "processes": 2,
        "started_at": now, "heartbeat_at": now,
    }  # fmt: skip
    Worker.objects.update_or_create(name=name, defaults=values | fields)


def count(status: TaskStatus) -> int:
    return Task.objects.filter(status=status).count()
