"""The life of an attempt, from the message to the outcome, in the order in which it happens."""

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from billiard.common import terminate_handler_fired
from django.conf import settings
from django.db import connections

from tasks import interrupts, registry
from tasks.context import TaskContext
from tasks.coroutines import EventLoop
from tasks.exceptions import CancelRequested, DrainReached, Interrupted, TimeoutReached
from tasks.holding import Running
from tasks.keeper import Keeper
from tasks.states import Kind
from tasks.transitions import Ending

logger = logging.getLogger(__name__)

SLICE_BUDGET = 0.25  # seconds of plain work that are claimed at once
MESSAGE_BUDGET = 1.0  # seconds after which a message's unclaimed rest goes to others
PLACE_BUDGET = 5.0  # seconds without a free place for a coroutine, after which it does so too
STRAY_SECONDS = 86_400.0  # age of a task's id from which on a clean-up may have taken the task
FIRST_SLICE, SLICE_GROWTH, LARGEST_SLICE = 1, 8, 200


class Executor:
    """Executes messages in one pool process: plain handlers in the main thread, coroutines in the loop's thread."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._first_slice = FIRST_SLICE
        self._loop: EventLoop | None = None

    @property
    def loop(self) -> EventLoop:
        if self._loop is None:
            self._loop = EventLoop(settings.COROUTINES_PER_PROCESS)
            self.keeper.watch_loop(self._loop)
        return self._loop

    # 1. A message comes in ------------------------------------------------------------------------------------------

    def run_message(self, ids: list[uuid.UUID], *, queue: str, kind: Kind, alone: bool, careful: bool) -> bool:
        """Does all that a message asks for. Its ids are hints: only what is still queued is claimed.

        Returns False where none of the tasks exists or can have existed.

        `alone` runs a suspect with nothing else in this process; `careful` claims one at a time, because the message
        was delivered before and the process that had it may have died of it.
        """
        run = self._run_coroutines if kind is Kind.ASYNC else self._run_plain
        try:
            if alone:
                self._wait_until_alone()
            return run(ids, queue, alone, careful) > 0 or self.keeper.knows_any(ids) or _may_be_cleaned_up(ids)
        except BaseException as error:
            self.keeper.give_up_message()
            if terminate_handler_fired():
                raise  # the pool is told to end this process: its SystemExit has to reach it
            # Out of here a MemoryError would end the whole worker. What was not begun comes back by itself.
            logger.error("a message was given up: %s", type(error).__name__)
            return True

    def _wait_until_alone(self) -> None:
        while self.keeper.held and not self.keeper.takes_no_more:
            time.sleep(0.01)

    # 2. Its tasks are claimed: plain ones in slices, coroutines as far as there are places --------------------------

    def _run_plain(self, ids: list[uuid.UUID], queue: str, alone: bool, careful: bool) -> int:
        """Returns how many were claimed. The keeper gives the rest to others when the message's time is over."""
        self.keeper.message.open(ids, seconds=MESSAGE_BUDGET)
        # What the last message's type allowed: the next is mostly of the same, and otherwise short, if that takes long.
        size, taken = self._first_slice, 0
        while not self.keeper.takes_no_more and (slice_ids := self.keeper.message.take(1 if careful else size)):
            claimed = self.keeper.claim(slice_ids, queue=queue, alone=alone)
            taken += len(claimed)
            is_known = bool(claimed) and self.keeper.mean(claimed[0].claimed.type) is not None
            for running in claimed:
                self._run_attempt(running)
            if self.keeper.message.is_overdue:
                break
            size = self._next_slice(LARGEST_SLICE if is_known else size * SLICE_GROWTH, claimed)
            self._first_slice = size if is_known else FIRST_SLICE
        self.keeper.give_back(self.keeper.message.close())
        return taken

    def _next_slice(self, most: int, claimed: list[Running]) -> int:
        """A type's first mean comes of one run, and is trusted step by step."""
        mean = self.keeper.mean(claimed[0].claimed.type) if claimed else None
        fits = LARGEST_SLICE if not mean else int(SLICE_BUDGET / mean)
        return max(1, min(most, fits, LARGEST_SLICE))

    def _run_coroutines(self, ids: list[uuid.UUID], queue: str, alone: bool, careful: bool) -> int:
        """Returns how many were claimed."""
        waiting, waited, taken = deque(ids), 0.0, 0
        while waiting and not self.keeper.takes_no_more and waited < PLACE_BUDGET:
            places = self.loop.wait_for_places(timeout=0.2)
            if not places:
                waited += 0.2
                continue
            waited = 0.0
            slice_ids = [waiting.popleft() for _ in range(min(1 if careful else places, len(waiting)))]
            claimed = self.keeper.claim(slice_ids, queue=queue, alone=alone)
            taken += len(claimed)
            for running in claimed:
                self._run_attempt(running)
        self.keeper.give_back(list(waiting))
        while alone and not self.loop.wait_until_empty(timeout=0.2):
            pass  # a suspect has the process to itself until it is over
        return taken

    # 3. The handler runs: payload read, context made, time watched --------------------------------------------------

    def _run_attempt(self, running: Running) -> None:
        # By what the handler is here and not by the line: in another release the type may have been of the other kind.
        if registry.is_async(running.claimed.type):
            self._start_coroutine(running)
        else:
            self._run_plain_attempt(running)

    def _run_plain_attempt(self, running: Running) -> None:
        try:
            if not self.keeper.begin(running, stop=interrupts.ask_now):
                return
            running.attempt.started = time.monotonic()
            with interrupts.armed(lambda: _interrupt_of(running), after=running.claimed.timeout):
                handler, payload = _prepare(running)
                value = handler.function(self._context(running), payload)
        except BaseException as error:  # (MemoryError or SystemExit would end the whole worker)
            interrupts.disarm()
            ending = _ending_of(running, error)
            if terminate_handler_fired():
                self.keeper.end(running, ending)
                raise
        else:
            ending = _ending(running, lambda: running.attempt.completed(value, at=time.monotonic()))
        if interrupts.raised() is not None:
            # Interrupted in mid-statement, a connection is left in a state that the next handler cannot use; that the
            # handler caught the interrupt makes it no better.
            connections.close_all()
        self.keeper.end(running, ending)

    def _start_coroutine(self, running: Running) -> None:
        begun: list[asyncio.Task[Any]] = []

        def stop() -> None:
            # Cancelled before its first step, a coroutine would end without a word: it looks for itself then.
            self.loop.call(lambda: [task.cancel() for task in begun])

        if self.keeper.begin(running, stop=stop):
            self.loop.start(self._run_coroutine_attempt(running, begun), owner=running)

    async def _run_coroutine_attempt(self, running: Running, begun: list[asyncio.Task[Any]]) -> None:
        if task := asyncio.current_task():
            begun.append(task)
        running.attempt.started = time.monotonic()
        try:
            if running.interrupt is not None:
                raise running.interrupt
            async with asyncio.timeout(running.claimed.timeout) as limit:
                handler, payload = _prepare(running)
                value = await handler.function(self._context(running), payload)
        except BaseException as error:  # noqa: BLE001  (see above)
            if running.interrupt is None and isinstance(error, TimeoutError) and limit.expired():
                error = TimeoutReached(f"it ran longer than its timeout of {running.claimed.timeout:g} s")
            ending = _ending_of(running, error)
        else:
            ending = _ending(running, lambda: running.attempt.completed(value, at=time.monotonic()))
        self.keeper.end(running, ending)
        begun.clear()  # the loop notes whose each task is: an owner that led back to its task would keep both for ever

    def _context(self, running: Running) -> TaskContext:
        notes, pair = self.keeper.notes, running.pair
        return TaskContext(
            task_id=running.claimed.id,
            type=running.claimed.type,
            attempt=running.claimed.attempt,
            timeout=running.claimed.timeout,
            write_log=lambda level, message, fields: notes.log(pair, level, message, fields),
            write_progress=lambda fraction, text: notes.progress(pair, fraction, text),
            is_cancelled=lambda: running.interrupt is not None,
        )

    # 4. The keeper writes the outcome (keeper.py, transitions/finishing.py); a stop hands the rest back -------------

    def shut_down(self, timeout: float) -> None:
        self.keeper.stop(timeout)
        if self._loop is not None:
            self._loop.close()


def _may_be_cleaned_up(ids: list[uuid.UUID]) -> bool:
    """Tells, and says so, whether the message is a late repeat: a UUIDv7 holds the time at which it was made."""
    long_ago = (time.time() - STRAY_SECONDS) * 1000
    if not any(each.version == 7 and each.int >> 80 < long_ago for each in ids):
        return False
    logger.info("a message came too late: of its %s tasks none exists any more", len(ids))
    return True


def _prepare(running: Running) -> tuple[registry.Handler, Any]:
    """Returns the handler and its payload. Raises UnknownType or pydantic's ValidationError."""
    handler = registry.get(running.claimed.type)
    return handler, handler.payload.model_validate_json(running.claimed.payload)


def _ending_of(running: Running, error: BaseException) -> Ending:
    """Returns the ending of a handler that raised; what it made of an interrupt of ours counts as that interrupt."""
    if isinstance(error, SystemExit) and terminate_handler_fired():
        error = DrainReached("its process was told to end")
    elif running.interrupt is not None and isinstance(error, (asyncio.CancelledError, CancelRequested)):
        error = running.interrupt  # `ctx` calls every interrupt a request to cancel
    elif (interrupt := interrupts.raised()) is not None and _came_of(error, interrupt):
        error = interrupt
    return _ending(running, lambda: running.attempt.raised(error, at=time.monotonic()))


def _came_of(error: BaseException, interrupt: Interrupted) -> bool:
    """Tells whether the error was raised while the interrupt was handled: a library's way of cleaning up, say."""
    context = error.__context__
    for _ in range(20):
        if context is None or context is interrupt:
            break
        context = context.__context__
    return context is interrupt


def _ending(running: Running, make: Callable[[], Ending]) -> Ending:
    """Returns the ending that `make` makes, or one without details where there is no memory even for those."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001  (an attempt without an ending would be held for ever)
        del make
        what = f"its outcome could not be put into words: {type(error).__name__}"
        return running.attempt.raised(RuntimeError(what), at=time.monotonic())


def _interrupt_of(running: Running) -> Interrupted | None:
    if running.interrupt is not None:
        return running.interrupt
    if running.deadline is not None and time.monotonic() >= running.deadline:
        return TimeoutReached(f"it ran longer than its timeout of {running.claimed.timeout:g} s")
    return None
