"""Finds the coroutine that keeps the event loop from all the others, while it does so."""

import logging
import sys
import time
import traceback
from collections.abc import Callable

from tasks.coroutines import EventLoop
from tasks.holding import Running

logger = logging.getLogger(__name__)

LONGEST_LAG = 2.0  # seconds
FRAMES = 20

Tell = Callable[[Running, float, str], None]


class LoopWatch:
    """Asks the loop for a sign of life again and again. Called by the keeper only."""

    def __init__(self, loop: EventLoop, tell: Tell) -> None:
        self._loop, self._tell = loop, tell
        self._asked_at: float | None = None
        self._answered_at = 0.0
        self._told = False

    @property
    def lag(self) -> float:
        """Seconds since the loop was asked for a sign of life, where it has not given one."""
        return 0.0 if self._asked_at is None else time.monotonic() - self._asked_at

    def look(self) -> None:
        if self._asked_at is None:
            if self._loop.in_flight:
                self._ask()
        elif self._answered_at >= self._asked_at:
            if not self._told and (lag := self._answered_at - self._asked_at) > LONGEST_LAG:
                # Whoever did it held all threads up, this one too: who it was is past finding out.
                logger.warning("something kept the event loop from its coroutines for %.1f s", lag)
            self._asked_at, self._told = None, False
        elif not self._told and self.lag > LONGEST_LAG:
            self._told = True
            self._report()

    def blocker(self) -> Running | None:
        """Returns the attempt that keeps the loop from the others just now."""
        if self.lag <= LONGEST_LAG:
            return None
        owner = self._loop.current_owner()
        return owner if isinstance(owner, Running) else None

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        self._loop.call(self._answer)

    def _answer(self) -> None:
        self._answered_at = time.monotonic()

    def _report(self) -> None:
        frame = sys._current_frames().get(self._loop.ident or 0)
        stack = "".join(traceback.format_stack(frame)[-FRAMES:]) if frame else ""
        running, lag = self.blocker(), self.lag
        if running is None:
            logger.warning("the event loop has stood still for %.1f s:\n%s", lag, stack)
            return
        logger.warning(
            "type %s blocks the event loop: its task %s has kept it from the other coroutines for %.1f s:\n%s",
            *(running.claimed.type, running.claimed.id, lag, stack),
        )
        self._tell(running, lag, stack)
