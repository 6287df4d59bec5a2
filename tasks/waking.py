"""How the dispatcher sleeps: on PostgreSQL a submit's NOTIFY ends it; elsewhere it polls."""

import logging
import threading
from typing import Any

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections

from tasks import database

logger = logging.getLogger(__name__)


class Waker:
    def __init__(self) -> None:
        self._listening: Any = None
        self._failed = False

    @property
    def can_be_woken(self) -> bool:
        """PgBouncer passes no notifications on: behind it this takes an address of its own."""
        if not database.is_postgresql():
            return False
        return settings.LISTEN_DATABASE is not None or not settings.DATABASE_BEHIND_PGBOUNCER

    def wait(self, timeout: float, stop: threading.Event) -> bool:
        """Sleeps for at most `timeout` seconds. Returns whether a submit ended it."""
        if timeout <= 0:
            return False
        if not self.can_be_woken:
            stop.wait(timeout)
            return False
        try:
            return any(True for _ in self._connection().notifies(timeout=timeout, stop_after=1))
        except psycopg.OperationalError as error:
            self.close()  # a poll is always there underneath
            if not self._failed:
                self._failed = True
                logger.warning("submits do not wake the dispatcher, it polls: %s", database.reason(error))
            stop.wait(timeout)
            return False

    def _connection(self) -> Any:
        if self._listening is None:
            parameters = self._parameters()
            wanted = {
                k: v for k, v in parameters.items() if k not in ("cursor_factory", "context", "prepare_threshold")
            }
            self._listening = psycopg.connect(**wanted, autocommit=True)
            self._listening.execute(f"LISTEN {database.wake_channel()}")
            self._failed = False
        return self._listening

    def _parameters(self) -> dict[str, Any]:
        if settings.LISTEN_DATABASE is None:
            return dict(connection.get_connection_params())
        usual = connections[DEFAULT_DB_ALIAS]
        listened = type(usual)(usual.settings_dict | settings.LISTEN_DATABASE, "listen")
        return dict(listened.get_connection_params())

    def close(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
