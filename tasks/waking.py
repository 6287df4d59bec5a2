"""How the dispatcher sleeps: on PostgreSQL a submit's NOTIFY ends it; elsewhere it polls."""

import threading
from typing import Any

import psycopg
from django.db import connection

from tasks import database


class Waker:
    def __init__(self) -> None:
        self._listening: Any = None

    @property
    def can_be_woken(self) -> bool:
        return self._listening is not None or database.is_postgresql()

    def wait(self, timeout: float, stop: threading.Event) -> bool:
        """Sleeps for at most `timeout` seconds. Returns whether a submit ended it."""
        if timeout <= 0:
            return False
        if not database.is_postgresql():
            stop.wait(timeout)
            return False
        try:
            return any(True for _ in self._connection().notifies(timeout=timeout, stop_after=1))
        except psycopg.OperationalError:
            self.close()  # a poll is always there underneath
            stop.wait(timeout)
            return False

    def _connection(self) -> Any:
        if self._listening is None:
            parameters = connection.get_connection_params()
            wanted = {
                k: v for k, v in parameters.items() if k not in ("cursor_factory", "context", "prepare_threshold")
            }
            self._listening = psycopg.connect(**wanted, autocommit=True)
            self._listening.execute(f"LISTEN {database.wake_channel()}")
        return self._listening

    def close(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
