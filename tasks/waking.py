"""How the dispatcher sleeps: a submit ends it, on PostgreSQL by its NOTIFY, on SQLite as whatever else is written."""

import logging
import threading
import time
from typing import Any

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections

from tasks import database

logger = logging.getLogger(__name__)

WATCH_EVERY = 0.02  # seconds; a look at SQLite's data_version takes microseconds, a turn of the dispatcher milliseconds


class Waker:
    def __init__(self) -> None:
        self._listening: Any = None
        self._seen_version: int | None = None
        self._failed = False

    @property
    def can_be_woken(self) -> bool:
        """PgBouncer passes no notifications on: behind it this takes an address of its own."""
        if not database.is_postgresql():
            return True
        return settings.LISTEN_DATABASE is not None or not settings.DATABASE_BEHIND_PGBOUNCER

    def wait(self, timeout: float, stop: threading.Event) -> bool:
        """Sleeps for at most `timeout` seconds. Returns whether a submit ended it, as far as that is known."""
        if timeout <= 0:
            return False
        if not database.is_postgresql():
            self._sleep_until_written(timeout, stop)
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

    def _sleep_until_written(self, timeout: float, stop: threading.Event) -> None:
        """Also ends for what was written since the last sleep: the dispatcher may have looked before that."""
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0 and not stop.wait(min(WATCH_EVERY, left)):
            version = database.data_version()
            if version != self._seen_version:
                self._seen_version = version
                return

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
