"""Messages to the broker: persistent, mandatory, confirmed in windows. Only the coordinator sends any."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from amqp.exceptions import NotFound
from celery import current_app
from django.conf import settings
from kombu.exceptions import ChannelError

from tasks import broker_connection, topology
from tasks.kill_points import KillPoint, reached

EXECUTE = "taskyard.execute"
CONFIRM_WINDOW = 300
MOST_IDS = 2_000  # in one message, far above what is ever sent: more than that is somebody else's, and is not looked up
SOCKET_TIMEOUT = 4.0  # seconds: a broker may take nothing and say nothing
UNBLOCKED_WITHIN = 0.5

BROKER_ERRORS: tuple[type[BaseException], ...] = (OSError, EOFError)
BLOCKED = "the broker takes no messages: its alarm for memory or disk space is on"


@dataclass(slots=True)
class Message:
    """A chunk of tasks of one line, or an announcement on the dead-letter exchange."""

    exchange: str
    routing_key: str
    headers: dict[str, Any]
    body: bytes
    priority: int = 0
    ids: list[uuid.UUID] = field(default_factory=list)
    number: str = field(default_factory=lambda: uuid.uuid4().hex)


def execution(name: str, ids: list[uuid.UUID], *, priority: int, alone: bool) -> Message:
    """Returns the message that makes a worker of the line execute the tasks."""
    words: dict[str, Any] = {"ids": [each.hex for each in ids]}
    if alone:
        words["alone"] = True
    number = uuid.uuid4().hex
    shown = f"{len(ids)} tasks" if len(ids) > 1 else str(ids[0])
    task = current_app.amqp.as_task_v2(
        number, EXECUTE, kwargs=words, argsrepr="()", kwargsrepr=shown, ignore_result=True, origin="coordinator"
    )
    return Message(
        exchange=topology.work_exchange().name,
        routing_key=name,
        headers=task.headers,
        body=json.dumps(task.body).encode(),
        priority=priority,
        ids=ids,
        number=number,
    )


class Publisher(Protocol):
    def open(self, queues: list[str]) -> None:
        """Connects, anew where it was connected, and declares. Raises one of BROKER_ERRORS."""

    def publish(self, messages: list[Message]) -> set[str]:
        """Sends and returns the numbers of those that the broker has taken over. Raises one of BROKER_ERRORS."""

    def depth(self, name: str) -> tuple[int, int] | None:
        """Returns how many messages of the line are ready and how many consumers it has; None where it has no queue."""

    def close(self) -> None:
        """Ends the connection; never raises."""


class AmqpPublisher:
    """Drives the py-amqp channel itself: kombu waits for each confirm alone, which is 25 times slower."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._channel: Any = None
        self._is_blocked = False
        self._tags: dict[int, str] = {}  # delivery tag -> number, of what is under way
        self._next_tag = 1
        self._taken: set[str] = set()
        self._refused: set[str] = set()

    def open(self, queues: list[str]) -> None:
        if self._is_blocked:
            self._await_unblocked()
        self.close()
        self._connection = broker_connection.new_connection(
            socket_timeout=SOCKET_TIMEOUT, on_blocked=self._on_blocked, on_unblocked=self._on_unblocked
        )
        try:
            broker_connection.connect(self._connection)
            topology.declare(self._connection, queues)
            self._open_channel()
        except BROKER_ERRORS:
            self.close()
            raise
        except self._connection.channel_errors + self._connection.connection_errors as error:
            self.close()
            raise ConnectionError(str(error)) from error

    def _open_channel(self) -> None:
        self._channel = self._connection.channel()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._on_ack)
        self._channel.events["basic_nack"].add(self._on_nack)
        self._channel.events["basic_return"].add(self._on_return)
        self._tags, self._next_tag = {}, 1

    def _await_unblocked(self) -> None:
        """Returns when the alarm may be over. Raises ConnectionError while it goes on.

        Only the blocked connection hears of that: a new one would be taken and blocked as well, and the broker, which
        reads nothing of either, would not even notice that the old one is closed.
        """
        try:
            while self._is_blocked and self._connection.connected:
                self._connection.drain_events(timeout=UNBLOCKED_WITHIN)
        except TimeoutError:
            raise ConnectionError(BLOCKED) from None
        except (*self._connection.connection_errors, *self._connection.channel_errors):
            return

    def publish(self, messages: list[Message]) -> set[str]:
        self._taken, self._refused = set(), set()
        for start in range(0, len(messages), CONFIRM_WINDOW):
            self._guarded(self._send, messages[start : start + CONFIRM_WINDOW])
        # A message that no queue takes is returned first and confirmed all the same.
        return self._taken - self._refused

    def _send(self, messages: list[Message]) -> None:
        for message in messages:
            self._tags[self._next_tag] = message.number
            self._next_tag += 1
            self._channel.basic_publish(
                self._channel.prepare_message(
                    message.body,
                    priority=message.priority,
                    content_type="application/json",
                    content_encoding="utf-8",
                    headers=message.headers,
                    properties={"correlation_id": message.number, "delivery_mode": 2},
                ),
                exchange=message.exchange,
                routing_key=message.routing_key,
                mandatory=True,
            )
            self._assert_open()  # py-amqp has just looked for what the broker says
        reached(KillPoint.SENT)
        while self._tags:
            self._connection.drain_events(timeout=SOCKET_TIMEOUT)
            self._assert_open()

    def _assert_open(self) -> None:
        if self._is_blocked:
            raise ConnectionError(BLOCKED)

    def depth(self, name: str) -> tuple[int, int] | None:
        def declare() -> tuple[int, int]:
            reply = self._channel.queue_declare(queue=topology.namespaced(name), passive=True)
            return reply.message_count, reply.consumer_count

        try:
            found: tuple[int, int] = self._guarded(declare)
        except _Missing as error:
            if not isinstance(error.__cause__, NotFound):
                raise ConnectionError(str(error)) from error
            self._guarded(self._open_channel)  # a passive declare that fails closes the channel
            return None
        return found

    def close(self) -> None:
        if self._connection is not None:
            connection, self._connection, self._channel = self._connection, None, None
            self._is_blocked = False
            connection.collect(socket_timeout=1.0)

    def _guarded(self, call: Callable[..., Any], *arguments: Any) -> Any:
        if self._connection is None or self._channel is None:
            raise ConnectionError("there is no connection to the broker")
        try:
            return call(*arguments)
        except self._connection.channel_errors as error:
            raise _Missing(str(error)) from error
        except self._connection.connection_errors as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    def _on_blocked(self, reason: str) -> None:
        self._is_blocked = True

    def _on_unblocked(self) -> None:
        self._is_blocked = False

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._taken.update(self._settle(tag, multiple))

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._refused.update(self._settle(tag, multiple))

    def _on_return(self, error: Any, exchange: str, routing_key: str, message: Any) -> None:
        self._refused.add(message.properties.get("correlation_id", ""))

    def _settle(self, tag: int, multiple: bool) -> list[str]:
        tags = [each for each in self._tags if each <= tag] if multiple else [tag]
        return [number for each in tags if (number := self._tags.pop(each, None))]


class _Missing(ConnectionError):
    """The broker closed the channel: what was named does not exist, or exists in another form."""


class FilesPublisher:
    """The embedded mode's: a written file is as good as a confirm."""

    def __init__(self) -> None:
        self._connection: Any = None
        self._channel: Any = None

    def open(self, queues: list[str]) -> None:
        self.close()
        self._connection = current_app.connection_for_write()
        try:
            topology.declare(self._connection, queues)
            self._channel = self._connection.channel()
        except ChannelError as error:
            raise ConnectionError(str(error)) from error

    def publish(self, messages: list[Message]) -> set[str]:
        taken = set()
        for message in messages:
            if message.exchange != topology.work_exchange().name:
                continue  # there is no dead-letter exchange here: the row alone does it
            prepared = self._channel.prepare_message(
                message.body.decode(),
                priority=message.priority,
                content_type="application/json",
                content_encoding="utf-8",
                headers=message.headers,
                properties={"correlation_id": message.number, "delivery_mode": 2},
            )
            self._channel.basic_publish(prepared, exchange=message.exchange, routing_key=message.routing_key)
            taken.add(message.number)
        return taken

    def depth(self, name: str) -> tuple[int, int] | None:
        # Files have no consumers to count: which workers listen is known from their rows.
        return self._channel._size(topology.namespaced(name)), 1

    def close(self) -> None:
        if self._connection is not None:
            self._connection.release()
            self._connection = self._channel = None


def new_publisher() -> Publisher:
    return FilesPublisher() if settings.EMBEDDED_BROKER else AmqpPublisher()
