"""Notices that a worker has gone deaf: its queues have messages for it, and the broker gives it none.

A quorum queue that is deleted and declared again at once keeps the consumers of the old one and delivers nothing to
them (RabbitMQ 3.10); they are never told. Whatever else leads there, connecting anew ends it.
"""

from typing import Any, Protocol

from amqp.exceptions import NotFound, RecoverableConnectionError
from celery.utils.log import get_logger
from celery.worker import state

logger = get_logger(__name__)

LISTENS_EVERY = 10.0  # seconds
DEAF_AFTER = 2  # times in a row that messages were ready for a worker that had begun none since the last time


class Consumes(Protocol):
    """What it needs of Celery's consumer."""

    connection: Any
    task_consumer: Any


class Hearing:
    """Of one connection; it is asked by the worker's event loop, which stands still meanwhile."""

    def __init__(self, consumer: Consumes) -> None:
        self._consumer = consumer
        self._unheard = 0
        self._begun = -1  # messages until the last check

    def check(self) -> None:
        """Raises RecoverableConnectionError, after which Celery connects anew, where the worker is deaf."""
        before, self._begun = self._begun, state.all_total_count[0]
        idle = not state.reserved_requests and self._begun == before
        self._unheard = self._unheard + 1 if idle and self._something_is_ready() else 0
        if self._unheard >= DEAF_AFTER:
            seconds = DEAF_AFTER * LISTENS_EVERY
            logger.warning("messages are ready and none has come in %.0f s: connecting to the broker anew", seconds)
            raise RecoverableConnectionError("the broker delivers nothing")

    def _something_is_ready(self) -> bool:
        channel = self._consumer.connection.channel()  # a queue that is missing closes it
        try:
            names = [queue.name for queue in self._consumer.task_consumer.queues]
            return any(channel.queue_declare(name, passive=True).message_count > 0 for name in names)
        except NotFound:
            return True
        finally:
            channel.close()
