"""The life of an attempt, from the message to the outcome, in the order in which it happens."""

import asyncio
import logging
import time
import uuid
from collections import deque
from typing import Any

from django.conf import settings
from django.db import connections

from tasks import interrupts, registry
from tasks.context import TaskContext
from tasks.coroutines import EventLoop
from tasks.exceptions import Interrupted, TimeoutReached
from tasks.holding import Running
from tasks.keeper import Keeper
from tasks.states import Kind

logger = logging.getLogger(__name__)

SLICE_BUDGET = 0.25  # seconds of plain work that are claimed at once
MESSAGE_BUDGET = 1.0  # seconds after which a message's unclaimed rest goes to others
PLACE_BUDGET = 5.0  # seconds without a free place for a coroutine, after which it does so too
FIRST_SLICE, SLICE_GROWTH, LARGEST_SLICE = 1, 8, 200


class Executor:
    """Executes messages in one pool process: plain handlers in the main thread, coroutines in the loop's thread."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._loop: EventLoop | None = None

    @property
    def loop(self) -> EventLoop:
        if self._loop is None:
            self._loop = EventLoop(settings.COROUTINES_PER_PROCESS)
        return self._loop

    # 1. A message comes in ------------------------------------------------------------------------------------------

    def run_message(self, ids: list[uuid.UUID], *, queue: str, kind: Kind, alone: bool, careful: bool) -> bool:
        """Does all that a message asks for. Its ids are hints: only what is still queued is claimed.

        Returns False where none of the tasks exists.

        `alone` runs a suspect with nothing else in this process; `careful` claims one at a time, because the message
        was delivered before and the process that had it may have died of it.
        """
        if alone:
            self._wait_until_alone()
        run = self._run_coroutines if kind is Kind.ASYNC else self._run_plain
        return run(ids, queue, alone, careful) > 0 or self.keeper.knows_any(ids)

    def _wait_until_alone(self) -> None:
        while self.keeper.held and not self.keeper.draining:
            time.sleep(0.01)

    # 2. Its tasks are claimed: plain ones in slices, coroutines as far as there are places --------------------------

    def _run_plain(self, ids: list[uuid.UUID], queue: str, alone: bool, careful: bool) -> int:
        """Returns how many were claimed. The keeper gives the rest to others when the message's time is over."""
        self.keeper.message.open(ids, seconds=MESSAGE_BUDGET)
        size, taken = FIRST_SLICE, 0
        while not self.keeper.draining and (slice_ids := self.keeper.message.take(1 if careful else size)):
            claimed = self.keeper.claim(slice_ids, queue=queue, alone=alone)
            taken += len(claimed)
            is_known = bool(claimed) and self.keeper.mean(claimed[0].claimed.type) is not None
            for running in claimed:
                self._run_attempt(running)
            if self.keeper.message.is_overdue:
                break
            size = self._next_slice(LARGEST_SLICE if is_known else size * SLICE_GROWTH, claimed)
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
        while waiting and not self.keeper.draining and waited < PLACE_BUDGET:
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
        if not self.keeper.begin(running, stop=interrupts.ask_now):
            return
        running.attempt.started = time.monotonic()
        try:
            with interrupts.armed(lambda: _interrupt_of(running), after=running.claimed.timeout):
                handler, payload = _prepare(running)
                value = handler.function(self._context(running), payload)
        except BaseException as error:  # noqa: BLE001  (MemoryError or SystemExit would end the whole worker)
            interrupts.disarm()
            ending = running.attempt.raised(error, at=time.monotonic())
            if isinstance(error, Interrupted):
                # Interrupted in mid-statement, a connection is left in a state that the next handler cannot use.
                connections.close_all()
        else:
            ending = running.attempt.completed(value, at=time.monotonic())
        self.keeper.end(running, ending)

    def _start_coroutine(self, running: Running) -> None:
        begun: list[asyncio.Task[Any]] = []

        def stop() -> None:
            # Cancelled before its first step, a coroutine would end without a word: it looks for itself then.
            self.loop.call(lambda: [task.cancel() for task in begun])

        if self.keeper.begin(running, stop=stop):
            self.loop.start(self._run_coroutine_attempt(running, begun))

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
            if running.interrupt is not None and isinstance(error, asyncio.CancelledError):
                error = running.interrupt
            elif isinstance(error, TimeoutError) and limit.expired():
                error = TimeoutReached(f"it ran longer than its timeout of {running.claimed.timeout:g} s")
            ending = running.attempt.raised(error, at=time.monotonic())
        else:
            ending = running.attempt.completed(value, at=time.monotonic())
        self.keeper.end(running, ending)

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


def _prepare(running: Running) -> tuple[registry.Handler, Any]:
    """Returns the handler and its payload. Raises UnknownType or pydantic's ValidationError."""
    handler = registry.get(running.claimed.type)
    return handler, handler.payload.model_validate_json(running.claimed.payload)


def _interrupt_of(running: Running) -> Interrupted | None:
    if running.interrupt is not None:
        return running.interrupt
    if running.deadline is not None and time.monotonic() >= running.deadline:
        return TimeoutReached(f"it ran longer than its timeout of {running.claimed.timeout:g} s")
    return None
