"""The event loop of a pool process: a thread that outlives the messages whose coroutines it runs."""

import asyncio
import contextvars
import logging
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

logger = logging.getLogger(__name__)

LOOKUPS = 32
TIDYING_SECONDS = 2.0

Closer = Callable[[], Coroutine[Any, Any, None]]

_closers: list[Closer] = []


def at_the_end(closer: Closer) -> Closer:
    """Registers a coroutine function, as a decorator, that each event loop runs before it is closed."""
    if closer not in _closers:
        _closers.append(closer)
    return closer


_owner: contextvars.ContextVar[Any] = contextvars.ContextVar("taskyard_owner", default=None)


class EventLoop:
    """Runs coroutines in a thread of its own, at most `places` at a time."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._in_flight = 0
        self._changed = threading.Condition()
        self._owners: weakref.WeakKeyDictionary[asyncio.Task[Any], Any] = weakref.WeakKeyDictionary()
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(self._make_task)
        # Names are looked up in threads: with the default of a few, slow ones hold up all the others.
        self._loop.set_default_executor(ThreadPoolExecutor(LOOKUPS, thread_name_prefix="taskyard-lookup"))
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="taskyard-loop", daemon=True)
        self._thread.start()

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def ident(self) -> int | None:
        """Its thread's."""
        return self._thread.ident

    def wait_for_places(self, timeout: float) -> int:
        """Waits until at least one place is free and returns how many are; 0 when the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight < self._places, timeout)
            return self._places - self._in_flight

    def wait_until_empty(self, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight == 0, timeout)

    def start(self, coroutine: Coroutine[Any, Any, None], *, owner: Any = None) -> None:
        """Starts the coroutine, which must not raise. Whatever tasks it makes belong to its owner."""
        with self._changed:
            self._in_flight += 1
        self._loop.call_soon_threadsafe(self._start, coroutine, owner)

    def current_owner(self) -> Any:
        """Returns whose task the loop is executing at this moment. For other threads."""
        task = asyncio.current_task(self._loop)
        return None if task is None else self._owners.get(task)

    def call(self, function: Callable[[], Any]) -> None:
        """Runs a function in the loop's thread, soon."""
        self._loop.call_soon_threadsafe(function)

    def close(self) -> None:
        if self._loop.is_closed():
            return
        tidied = asyncio.run_coroutine_threadsafe(_tidy(), self._loop)
        with suppress(TimeoutError):  # a handler that holds the loop up: the process ends all the same
            tidied.result(TIDYING_SECONDS + 1)
        self._closing = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)
        if not self._thread.is_alive():
            self._loop.close()

    # --- The thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing:
            try:
                self._loop.run_forever()
            except BaseException as error:  # noqa: BLE001
                # asyncio lets SystemExit and KeyboardInterrupt of a task out of the loop: one that a handler made for
                # itself would end the thread, and every other coroutine with it.
                logger.error("a coroutine's own task raised %s: the event loop goes on", type(error).__name__)

    def _make_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
        task = asyncio.Task(coroutine, loop=loop, **options)
        context = options.get("context")
        self._owners[task] = _owner.get() if context is None else context.get(_owner)
        return task

    def _start(self, coroutine: Coroutine[Any, Any, None], owner: Any) -> None:
        context = contextvars.copy_context()
        context.run(_owner.set, owner)
        task = self._loop.create_task(coroutine, context=context)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            task.exception()  # marks it as seen: an attempt's errors are recorded inside it
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()


async def _tidy() -> None:
    for closer in _closers:
        try:
            async with asyncio.timeout(TIDYING_SECONDS / len(_closers)):
                await closer()
        except Exception:
            logger.exception("closing what an event loop held open failed: %s", getattr(closer, "__qualname__", closer))
