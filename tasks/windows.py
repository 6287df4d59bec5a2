"""How many messages the broker may be given: a bounded window for each line, measured in its ready messages."""

import math
import time
from collections.abc import Iterable

from django.conf import settings

from tasks import topology
from tasks.limits import Rate
from tasks.publishing import Publisher
from tasks.selectors import Line

EMBEDDED_WINDOW = 50  # messages: the transport lists its folder for each one
# Seconds for which a queue that is missing stays so. RabbitMQ tells the consumers of a quorum queue that it was deleted
# only if no new one has its name by then (3.10: some 20 ms): they would listen to the old one for ever.
DECLARED_AGAIN_AFTER = 1.0


class Windows:
    """Declares what is missing before it has room."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._declared: set[str] = set()
        self._declare_at = 0.0  # not before: something was missing
        self._rates: dict[str, Rate] = {}
        self._ready: dict[str, int] = {}  # of lines with consumers: no more than these, as only we send

    def room(self, line: Line) -> int:
        """Returns how many messages may be sent to the line now; none if it is 0 or less. Raises BROKER_ERRORS.

        The broker is asked when what was ready and what was sent since may be enough: a single submit need not wait for
        that. Consumers that have gone since are seen a few messages later.
        """
        if line.name not in self._declared:
            if time.monotonic() < self._declare_at:
                return 0
            self._publisher.open([line.queue])
            self.are_declared([line.queue])
        rate = self._rates[line.name].per_second() if line.name in self._rates else 0.0
        low = line.processes + math.ceil(2 * 0.05 * rate)
        high = 2 * low
        if settings.EMBEDDED_BROKER:
            high = min(high, EMBEDDED_WINDOW)
        ready = self._ready.get(line.name, low)
        if ready >= low:
            depth = self._publisher.depth(line.name)
            if depth is None:
                self.need_declaring([line.name])
                return 0
            ready, consumers = depth
            if consumers == 0:
                self._ready.pop(line.name, None)
                return 1 - ready
            self._ready[line.name] = ready
        return high - ready if ready < low else 0

    def were_sent(self, line: Line, messages: int) -> None:
        """Counts what the broker has taken over: a line that takes much gets a wide window."""
        self._rates.setdefault(line.name, Rate()).add(messages)
        if line.name in self._ready:
            self._ready[line.name] += messages

    def are_declared(self, queues: Iterable[str]) -> None:
        self._declared.update(topology.lines_of(queues))

    def forget(self) -> None:
        """Has the broker asked again: somebody else may have sent."""
        self._ready.clear()

    def need_declaring(self, lines: Iterable[str] | None = None) -> None:
        """Has what these lines (all) need declared again before their next message, though not at once."""
        self._declared.difference_update(list(self._declared) if lines is None else lines)
        self.forget()
        self._declare_at = time.monotonic() + DECLARED_AGAIN_AFTER
