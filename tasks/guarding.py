"""What a process watches over without its database: deadlines, its memory, and coroutines that block their loop."""

import logging
from collections.abc import Callable

from django.conf import settings

from tasks.coroutines import EventLoop
from tasks.exceptions import MemoryReached
from tasks.holding import Holdings, Running
from tasks.loop_watch import LoopWatch
from tasks.memory import Memory
from tasks.notes import Notes

logger = logging.getLogger(__name__)

WEDGED_EXIT = 70
MEMORY_EXIT = 71


class Guard:
    """Looks, several times a second, in the keeper's thread. `share` lets others have what waits, and says why."""

    def __init__(self, holdings: Holdings, notes: Notes, *, lease: float, share: Callable[[str], None]) -> None:
        self._holdings, self._notes, self._lease, self._share = holdings, notes, lease, share
        self._loop_watch: LoopWatch | None = None
        self.memory = Memory(settings.WORKER_MEMORY_LIMIT)

    def watch_loop(self, loop: EventLoop) -> None:
        self._loop_watch = LoopWatch(loop, self._note_block)

    def look(self) -> int:
        """Interrupts what must not go on. Returns the code with which this process has to end, or 0."""
        self.memory.look()
        if self.memory.is_over and (code := self._relieve()):
            return code
        if self._loop_watch is not None:
            self._loop_watch.look()
        if not self._holdings.watch(self._lease):
            return 0
        logger.error("a handler did not stop at its timeout: this process ends")
        self._holdings.end_all(None if self._loop_watch is None else self._loop_watch.blocker())
        return WEDGED_EXIT

    def _relieve(self) -> int:
        """The process is over its limit of memory: what waits goes to others, and what runs is stopped if it did it."""
        self._share("its process has no memory left")
        begun = self._holdings.begun()
        if self.memory.is_far_over:
            types = ", ".join(sorted({running.claimed.type for running in begun})) or "nothing"
            logger.error("this process ends: it takes %s. It runs %s", self.memory, types)
            return MEMORY_EXIT
        # Of several nobody knows which it was: lost together they are not charged, and then run each alone.
        if len(begun) == 1 and self.memory.is_to_blame(begun[0].memory_before):
            self._holdings.interrupt(begun[0], MemoryReached(f"it took its process to {self.memory}"))
        return 0

    def _note_block(self, running: Running, lag: float, stack: str) -> None:
        message = f"it has kept the event loop from the other coroutines for {lag:.1f} s"
        self._notes.log(running.pair, "warning", message, {"stack": stack})
