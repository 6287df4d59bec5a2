"""One line's worker as a row, its tasks and its messages: what tests of the dispatcher do with a real broker."""

import json
import uuid
from typing import Any

from tasks import database, topology
from tasks.dispatching import Dispatcher
from tasks.models import Worker
from tasks.publishing import Message, execution
from tasks.services import submit_tasks

LINE = "default.plain"
TYPE = "health_check"
PROCESSES = 2


def turn(dispatcher: Dispatcher) -> None:
    term = dispatcher.lead.term()
    assert term is not None
    dispatcher.turn(term)


def online_worker(mean: float | None = 100.0) -> None:
    """A worker's row; `mean` is the milliseconds that the type takes there, by which messages are sized."""
    now = database.now()
    Worker.objects.create(
        name="plain@here", host="here", pid=1, group="plain", queues=[LINE], types={TYPE: "plain"},
        means={} if mean is None else {TYPE: mean}, release="", processes=PROCESSES, started_at=now, heartbeat_at=now,
    )  # fmt: skip


def submit(number: int, **options: Any) -> list[uuid.UUID]:
    return [each.id for each in submit_tasks([{"type": TYPE, **options}] * number)]


def consume(channel: Any) -> list[dict[str, Any]]:
    """Becomes a consumer that takes one message and never acknowledges it. Returns the list that it fills."""
    taken: list[dict[str, Any]] = []
    topology.work_queue(LINE).bind(channel).declare()
    channel.basic_qos(0, 1, False)
    channel.basic_consume(topology.namespaced(LINE), callback=lambda message: taken.append(words(message)))
    return taken


def words(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.body)[1]
    return found


def ready(channel: Any, name: str = LINE) -> int:
    return int(channel.queue_declare(topology.namespaced(name), passive=True).message_count)


def messages_to(name: str, number: int, priority: int = 5) -> list[Message]:
    return [execution(name, [uuid.uuid4()], priority=priority, alone=False) for _ in range(number)]
