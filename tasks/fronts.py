"""Where what is pending begins, by queue and by line: a look at what is next starts there, and not at the top.

What has been sent leaves dead entries at the top of its index until a vacuum, and while another session reads an old
snapshot each look would go through all of them (reference: protocol rule P5). A line's look would also go through all
that its queue has of the other kind.
"""

import time
from dataclasses import dataclass

from tasks import ageing, pending
from tasks.pending import Since
from tasks.selectors import Candidate, Line, QueueRules

LOOK_EVERY, LONGEST_PAUSE = 1.0, 2.0  # seconds: what comes back to where others were sent before waits no longer
LOOKING = 0.05  # part of the time that may go into looks from the top: with a million rows of another kind each is long


@dataclass(slots=True)
class _Front:
    """Nothing is due earlier, by priority, than was seen from the top the last time."""

    since: Since
    has_aged: bool
    types: frozenset[str] | None
    looked_at: float
    cost: float  # seconds
    is_empty: bool  # nothing was due then
    is_doubted: bool = False

    @property
    def is_good(self) -> bool:
        pause = min(LONGEST_PAUSE, self.cost / LOOKING)
        return time.monotonic() < self.looked_at + (pause if self.is_doubted else max(LOOK_EVERY, pause))


class Fronts:
    def __init__(self) -> None:
        self._of_queues: dict[str, _Front] = {}
        self._of_lines: dict[str, _Front] = {}
        self._filled: dict[str, list[int]] = {}  # by queue: the priorities with something pending

    def forget(self) -> None:
        """Has the next looks start at the top: something has come back to where others were sent already."""
        self._of_queues.clear()
        self._of_lines.clear()

    def doubt(self) -> None:
        """Has them start there as soon as that is cheap enough: something may have come that is due since long ago."""
        for front in (*self._of_queues.values(), *self._of_lines.values()):
            front.is_doubted = True

    def heads(self) -> dict[str, tuple[QueueRules, str | None]]:
        """Returns each queue with its rules and the type of what is next on it; None where nothing is pending."""
        fronts = {name: self._front(self._of_queues, name, name, None) for name in self._filled}
        found = pending.queue_heads({name: front.since for name, front in fronts.items()})
        known, self._filled = self._filled.keys(), {name: sorted(types) for name, (_, types) in found.items()}
        if known != found.keys():
            return self.heads()  # with where the new ones begin
        return {name: (rules, types[max(types)] if types else None) for name, (rules, types) in found.items()}

    def candidates(self, line: Line, *, limit: int) -> list[Candidate]:
        """Returns what is next on the line, each with the priority that it is sent with."""
        levels = self._filled.get(line.queue, [])
        if not line.types or not levels:
            return []
        front = self._line_front(line)
        since = {level: front.since[level] for level in levels}
        take = ageing.by_age if front.has_aged else pending.candidates
        return take(line.queue, sorted(line.types), since, limit=limit)

    def _line_front(self, line: Line) -> _Front:
        """A queue with nothing on it has nothing of the line's kind either: no look of the line's own is needed."""
        of_queue = self._of_queues.get(line.queue)
        if of_queue is not None and of_queue.is_empty and of_queue.is_good:
            return of_queue
        return self._front(self._of_lines, line.name, line.queue, frozenset(line.types))

    def _front(self, known: dict[str, _Front], name: str, queue: str, types: frozenset[str] | None) -> _Front:
        front = known.get(name)
        if front is None or front.types != types or not front.is_good:
            began = time.monotonic()
            since, oldest = pending.first_due(queue, None if types is None else sorted(types))
            ended = time.monotonic()
            known[name] = front = _Front(
                since, ageing.has_aged(oldest), types, ended, ended - began, is_empty=not oldest
            )
        return front
