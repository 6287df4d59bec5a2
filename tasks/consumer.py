"""Celery's consumer with one thing changed: a message that cannot be read goes to the dead letters."""

import uuid
from collections.abc import Callable
from typing import Any

from celery.utils.log import get_logger
from celery.worker.consumer import Consumer as CeleryConsumer

from tasks.publishing import EXECUTE

logger = get_logger(__name__)


class Consumer(CeleryConsumer):
    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """Celery lets a body of another form end the worker, and the next one, to which it is delivered again."""
        receive = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            try:
                if (message.headers or {}).get("task") == EXECUTE:
                    _check_form(message.payload)
                receive(message)
            except (*self.connection_errors, *self.channel_errors):
                raise
            except Exception as error:
                if message.acknowledged:
                    logger.exception("a message was dealt with, but not without an error")
                else:
                    self.on_decode_error(message, error)

        return on_task_received

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Rejects what cannot be read: the broker routes it to the dead-letter exchange. Celery would ack it."""
        logger.error("a message that cannot be read goes to the dead letters: %s: %s", type(exc).__name__, exc)
        message.reject_log_error(logger, self.connection_errors)


def _check_form(body: Any) -> None:
    """Raises ValueError where it is not the body of a message that `publishing.execution` makes."""
    if not (isinstance(body, list) and len(body) == 3 and isinstance(body[1], dict)):
        raise ValueError("its body is not [arguments, named arguments, options]")
    if not [uuid.UUID(each) for each in body[1].get("ids") or []]:
        raise ValueError("it names no tasks")
