"""Celery's consumer, changed in four things.

What it cannot read goes to the dead letters, it reconnects soon, it says that it lives, and it notices when the broker
has forgotten it.
"""

import functools
import uuid
from collections.abc import Callable
from typing import Any

from celery.utils.log import get_logger
from celery.worker.consumer import Consumer as CeleryConsumer
from django.conf import settings
from django.db import connections

from tasks.hearing import LISTENS_EVERY, Hearing
from tasks.publishing import EXECUTE, MOST_IDS
from tasks.pulse import EVERY, Pulse

logger = get_logger(__name__)

# Seconds between two tries to reach the broker. By itself Celery waits 2, 4, 6 … 30, and has no setting for it.
FIRST_PAUSE, PAUSE_GROWTH, LONGEST_PAUSE = 0.5, 0.5, 2.0


class Consumer(CeleryConsumer):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pulse = Pulse("worker", "main")

    def ensure_connected(self, conn: Any) -> Any:
        """Tries to reach the broker without end, with growing pauses and one line a try."""
        ensure = functools.partial(
            conn.ensure_connection,
            interval_start=FIRST_PAUSE,
            interval_step=PAUSE_GROWTH,
            interval_max=LONGEST_PAUSE,
        )

        def ensure_connection(errback: Any, *args: Any, callback: Callable[[], None], **kwargs: Any) -> Any:
            def before_each_pause() -> None:
                self._lives()
                callback()

            return ensure(errback, *args, callback=before_each_pause, **kwargs)

        conn.ensure_connection = ensure_connection
        self._lives()
        return super().ensure_connected(conn)

    def register_with_event_loop(self, hub: Any) -> None:
        """Celery calls this for each connection, and forgets the timers of the one before."""
        super().register_with_event_loop(hub)
        hub.call_repeatedly(EVERY, self._lives)  # the loop itself calls it, between two messages
        if not settings.EMBEDDED_BROKER:
            hub.call_repeatedly(LISTENS_EVERY, Hearing(self).check)

    def perform_pending_operations(self) -> None:
        """Transports without an event loop come here once a turn."""
        self._lives()
        super().perform_pending_operations()

    def _lives(self) -> None:
        """Says so, unless the pool has no process: Celery makes new ones within seconds, or something is wrong."""
        is_open = getattr(self.pool, "_pool", None) is not None  # not while the worker starts and ends
        if not is_open or self.pool.info.get("processes", True):
            self._pulse.beat()

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Celery lets a body of another form end the worker, and the next one, to which it is delivered again."""
        receive = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            try:
                if (message.headers or {}).get("task") == EXECUTE:
                    _check_form(message.headers, message.payload)
                receive(message)
            except (*self.connection_errors, *self.channel_errors):
                raise
            except Exception as error:
                if message.acknowledged:
                    logger.exception("a message was dealt with, but not without an error")
                else:
                    self.on_decode_error(message, error)

        return on_task_received

    def on_unknown_task(self, *args: Any, **kwargs: Any) -> None:
        """Celery notes the failure as a result, here in the main process: whose connections its pool would inherit."""
        try:
            super().on_unknown_task(*args, **kwargs)
        finally:
            connections.close_all()

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Rejects what cannot be read: the broker routes it to the dead-letter exchange. Celery would ack it."""
        logger.error("a message that cannot be read goes to the dead letters: %s: %s", type(exc).__name__, exc)
        message.reject_log_error(logger, self.connection_errors)


def _check_form(headers: dict[str, Any], body: Any) -> None:
    """Raises an error where it is not a message as `publishing.execution` makes it."""
    if not (isinstance(body, list) and len(body) == 3 and isinstance(body[1], dict) and isinstance(body[2], dict)):
        raise ValueError("its body is not [arguments, named arguments, options]")
    arguments, words, _ = body
    if arguments or not words.keys() <= {"ids", "alone"} or not isinstance(words.get("alone", False), bool):
        raise ValueError("its arguments are not those of an execution")
    ids = words.get("ids") or []
    if len(ids) > MOST_IDS or not [uuid.UUID(each) for each in ids]:
        raise ValueError("it names no tasks, or more than a message can have")
    # When is the database's business. Celery would keep the message in its memory, or drop it without a word.
    if headers.get("eta") or headers.get("expires"):
        raise ValueError("it has a time of its own")
    if not isinstance(headers.get("timelimit") or [], list) or not isinstance(headers.get("retries") or 0, int):
        raise ValueError("its limits have another form")
