"""What other threads ask the keeper to do over its connection, in the order in which they asked."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import InterfaceError, OperationalError


class Errands:
    """A queue under the keeper's own condition, which it sleeps on."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self._waiting: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, call: Callable[[], Any]) -> "Future[Any]":
        """Returns the call's coming result, which is None once the errands are closed."""
        future: Future[Any] = Future()
        with self._changed:
            if self._closed:
                future.set_result(None)
            else:
                self._waiting.append((call, future))
                self._changed.notify_all()
        return future

    def serve(self) -> None:
        """Does all that is asked for. What a lost connection interrupts stays first in line until it is back."""
        while self._waiting:
            call, future = self._waiting[0]
            try:
                result = call()
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001  (whoever asked has to know)
                future.set_exception(error)
            else:
                future.set_result(result)
            with self._changed:
                self._waiting.pop(0)

    def close(self) -> None:
        """Takes nothing more; what waits is still done."""
        self._closed = True

    def abandon(self) -> None:
        """Answers all that waits with None."""
        with self._changed:
            for _, future in self._waiting:
                future.set_result(None)
            self._waiting.clear()
