"""Celery's consumer with one thing changed: a message that does not parse goes to the dead letters."""

from typing import Any

from celery.utils.log import get_logger
from celery.worker.consumer import Consumer as CeleryConsumer

logger = get_logger(__name__)


class Consumer(CeleryConsumer):
    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Rejects what cannot be read: the broker routes it to the dead-letter exchange. Celery would ack it."""
        logger.error("a message that cannot be read goes to the dead letters: %s", exc)
        message.reject_log_error(logger, self.connection_errors)
