"""The event loop of a pool process: a thread that outlives the messages whose coroutines it runs."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

LOOKUPS = 32


class EventLoop:
    """Runs coroutines in a thread of its own, at most `places` at a time."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._in_flight = 0
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        # Names are looked up in threads: with the default of a few, slow ones hold up all the others.
        self._loop.set_default_executor(ThreadPoolExecutor(LOOKUPS, thread_name_prefix="taskyard-lookup"))
        self._thread = threading.Thread(target=self._loop.run_forever, name="taskyard-loop", daemon=True)
        self._thread.start()

    @property
    def in_flight(self) -> int:
        return self._in_flight

    def wait_for_places(self, timeout: float) -> int:
        """Waits until at least one place is free and returns how many are; 0 when the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight < self._places, timeout)
            return self._places - self._in_flight

    def wait_until_empty(self, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight == 0, timeout)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Starts the coroutine, which must not raise."""
        with self._changed:
            self._in_flight += 1
        self._loop.call_soon_threadsafe(self._start, coroutine)

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            task.exception()  # marks it as seen: an attempt's errors are recorded inside it
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def call(self, function: Callable[[], Any]) -> None:
        """Runs a function in the loop's thread, soon."""
        self._loop.call_soon_threadsafe(function)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._loop.close()
