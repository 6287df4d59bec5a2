"""Beat's scheduler: django-celery-beat's, which also says that it lives. `celery beat` takes it by itself."""

import logging
from typing import Any

from django_celery_beat.schedulers import DatabaseScheduler

from tasks.pulse import Pulse

logger = logging.getLogger(__name__)


class Scheduler(DatabaseScheduler):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._pulse = Pulse("beat", "tick")
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        self._pulse.beat()
        return super().tick(*args, **kwargs)

    def _ensure_connected(self) -> Any:
        """Ordinary Celery tasks need the broker, and beat waits here until it is back: that is no standstill."""
        return self.connection.ensure_connection(_say_why, None, callback=self._pulse.beat)


def _say_why(error: Exception, interval: float) -> None:
    logger.error("the broker does not answer, again in %.0f s: %s", interval, error)
