"""What a pool process holds: its claimed attempts, from the claim until the ending of each is in the database.

Shared by the handlers' threads and the keeper under one lock. Knows deadlines, drains and the trust in leases; knows no
database.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from tasks import trust
from tasks.exceptions import CancelRequested, DrainReached, Interrupted, TimeoutReached
from tasks.outcomes import Attempt
from tasks.transitions import Claimed, Ending
from tasks.transitions.finishing import Pair

DRAIN_SECONDS = 8.0  # from the request to stop until what still runs is interrupted and handed back
GRACE = 10.0  # from a task's deadline until the process that could not be interrupted is ended
TELL_EVERY = 1.0  # seconds between two interrupts: what a handler does to tidy up would be interrupted as well


@dataclass(slots=True, eq=False)
class Running:
    """A claimed attempt in this process."""

    attempt: Attempt
    claimed: Claimed
    trusted_until: float  # by the trust clock
    deadline: float | None = None  # monotonic; set when its handler begins
    interrupt: Interrupted | None = None  # why it shall stop, once it shall
    stop: Callable[[], None] | None = None  # makes its handler notice
    told_at: float = 0.0  # monotonic; when it was last made to notice
    memory_before: int = 0  # bytes of its process, when its handler began
    ending: Ending | None = None

    @property
    def pair(self) -> Pair:
        return self.claimed.id, self.claimed.attempt


class Message:
    """The plain message that is executed now: what of it is not claimed yet. Past its time, others get that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[UUID] = deque()
        self._until = math.inf  # monotonic

    def open(self, ids: Iterable[UUID], *, seconds: float) -> None:
        with self._lock:
            self._waiting, self._until = deque(ids), time.monotonic() + seconds

    def take(self, most: int) -> list[UUID]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def take_rest(self) -> list[UUID]:
        return self.take(len(self._waiting))

    def close(self) -> list[UUID]:
        """Returns what was not taken."""
        self._until = math.inf
        return self.take_rest()

    @property
    def is_overdue(self) -> bool:
        return time.monotonic() > self._until


class Holdings:
    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.draining_since: float | None = None
        self.ended_since = 0.0  # monotonic; since when the oldest unwritten ending is known
        self.means_changed = False
        self._held: dict[Pair, Running] = {}
        self._ended: list[Running] = []
        self._means: dict[str, float] = {}  # milliseconds by type
        self._said: dict[str, float] = {}  # what the dispatcher was told

    def __len__(self) -> int:
        return len(self._held)

    @property
    def ended(self) -> int:
        """How many endings are known and not written."""
        return len(self._ended)

    def pairs(self) -> list[Pair]:
        with self.changed:
            return list(self._held)

    # --- The life of an attempt here --------------------------------------------------------------------------------

    def add(self, attempts: list[Attempt], *, trusted_until: float) -> list[Running]:
        taken = [Running(attempt=each, claimed=each.claimed, trusted_until=trusted_until) for each in attempts]
        with self.changed:
            self._held.update((running.pair, running) for running in taken)
        return taken

    def begin(self, running: Running, stop: Callable[[], None], *, memory: int = 0) -> bool:
        """Decides that the attempt begins. False where it was handed back before."""
        with self.changed:
            if running.ending is not None or running.interrupt is not None:
                return False
            running.deadline = time.monotonic() + running.claimed.timeout
            running.stop, running.memory_before = stop, memory
            return True

    def begun(self) -> list[Running]:
        """Returns what runs just now."""
        with self.changed:
            return [each for each in self._held.values() if each.stop is not None and each.ending is None]

    def end(self, running: Running, ending: Ending) -> None:
        """Takes the attempt's ending. The first one counts."""
        with self.changed:
            if running.ending is not None:
                return
            running.ending = ending
            if running.deadline is not None:
                self._learn(running.claimed.type, ending.ended - ending.started)
            if not self._ended:
                self.ended_since = time.monotonic()
                self.changed.notify_all()
            self._ended.append(running)

    def interrupt(self, running: Running, error: Interrupted) -> None:
        """Asks a handler to stop; one that has not begun ends here. Asked again, the handler is told again."""
        if running.ending is not None:
            return
        if running.interrupt is None:
            running.interrupt = error
        now = time.monotonic()
        if running.stop is None:
            self.end(running, running.attempt.raised(running.interrupt, at=now))
        elif now >= running.told_at + TELL_EVERY:
            running.told_at = now
            running.stop()

    def renewed(self, pairs: Iterable[Pair], *, trusted_until: float) -> None:
        """Extends the trust in what was renewed."""
        with self.changed:
            for running in filter(None, map(self._held.get, pairs)):
                running.trusted_until = trusted_until

    def cancel(self, pairs: Iterable[Pair]) -> None:
        """Interrupts what somebody wants cancelled."""
        with self.changed:
            for running in filter(None, map(self._held.get, pairs)):
                self.interrupt(running, CancelRequested("cancelled on request"))

    # --- Endings on their way to the database -----------------------------------------------------------------------

    def next_endings(self, most: int) -> list[Running]:
        with self.changed:
            batch, self._ended = self._ended[:most], self._ended[most:]
            return batch

    def put_back(self, batch: Iterable[Running]) -> None:
        """Takes endings that could not be written now."""
        with self.changed:
            again = [each for each in batch if each.pair in self._held]
            if again and not self._ended:
                self.ended_since = time.monotonic()
            self._ended = again + self._ended

    def forget(self, pairs: Iterable[Pair]) -> None:
        with self.changed:
            for pair in pairs:
                self._held.pop(pair, None)
            self.changed.notify_all()

    def abandon(self) -> None:
        """Lets go of everything: the leases run out by themselves."""
        with self.changed:
            self._held.clear()
            self._ended.clear()
            self.changed.notify_all()

    # --- Means, which size the messages -----------------------------------------------------------------------------

    def mean(self, type_name: str) -> float | None:
        """Returns the type's mean run time in seconds as this process knows it."""
        known = self._means.get(type_name)
        return None if known is None else known / 1000

    def means(self) -> dict[str, float]:
        """Returns the means in milliseconds, as something that is now said."""
        with self.changed:
            self.means_changed = False
            self._said = dict(self._means)
            return self._said

    def _learn(self, type_name: str, seconds: float) -> None:
        milliseconds = max(0.01, seconds * 1000)
        known = self._means.get(type_name)
        mean = milliseconds if known is None else known * 0.8 + milliseconds * 0.2
        self._means[type_name] = round(mean, 3)
        # The dispatcher has to hear soon of what is new or quite different.
        said = self._said.get(type_name)
        if said is None or not said / 2 < mean < said * 2:
            self.means_changed = True

    # --- Deadlines, drains and trust --------------------------------------------------------------------------------

    def drain(self) -> None:
        """Begins to stop: what has not begun ends at once, the rest has DRAIN_SECONDS."""
        with self.changed:
            if self.draining_since is None:
                self.draining_since = time.monotonic()
                self.hand_back_waiting("the worker is stopping")

    def hand_back_waiting(self, why: str) -> None:
        """Ends what is claimed and has not begun: others may be free to take it."""
        with self.changed:
            for running in [each for each in self._held.values() if each.stop is None]:
                self.interrupt(running, DrainReached(why))

    @property
    def drain_is_over(self) -> bool:
        return self.draining_since is not None and time.monotonic() > self.draining_since + DRAIN_SECONDS

    def watch(self, lease: float) -> bool:
        """Interrupts what must not go on. Returns whether something here cannot be interrupted."""
        now, trusted = time.monotonic(), trust.seconds() + lease / 4
        wedged = False
        with self.changed:
            for running in list(self._held.values()):
                if running.ending is not None:
                    continue
                if running.deadline is not None and now > running.deadline + GRACE:
                    wedged = True
                elif running.trusted_until < trusted:
                    self.interrupt(running, DrainReached("the lease could not be renewed in time"))
                elif self.drain_is_over:
                    self.interrupt(running, DrainReached("the worker is stopping"))
        return wedged

    def end_all(self, blocker: Running | None) -> None:
        """Ends what is past its deadline as timed out and hands back the rest, because this process ends.

        Where one coroutine keeps the event loop from the others, these are past theirs for no fault of their own.
        """
        now = time.monotonic()
        with self.changed:
            for running in list(self._held.values()):
                if blocker is None and running.deadline is not None and now > running.deadline + GRACE:
                    error = TimeoutReached("it did not stop at its timeout: its process was ended")
                    self.end(running, running.attempt.raised(error, at=now))
                elif running is blocker:
                    error = TimeoutReached("it kept the event loop from all others for too long: its process was ended")
                    self.end(running, running.attempt.raised(error, at=now))
                else:
                    self.end(running, running.attempt.released(at=now, why="its process was ended for another task"))
