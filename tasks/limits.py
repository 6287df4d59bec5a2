"""How much of a queue may be started now: its rate and its concurrency, over all workers, counted by the dispatcher."""

import math
import time

from tasks import selectors
from tasks.selectors import QueueRules

UNLIMITED = 1_000_000
LOOK_EVERY = 0.1  # seconds
BURST_SECONDS = 1.0  # of the rate that may be with the broker, or be started at once


class Rate:
    """Messages a second of a line, over the last seconds."""

    def __init__(self) -> None:
        self._since, self._count, self._last = time.monotonic(), 0, 0.0

    def add(self, messages: int) -> None:
        self.per_second()
        self._count += messages

    def per_second(self) -> float:
        elapsed = time.monotonic() - self._since
        if elapsed >= 1.0:
            self._last = self._count / elapsed
            self._since, self._count = time.monotonic(), 0
        return max(self._last, self._count / max(elapsed, 0.2))


class Allowance:
    """How many tasks of one queue may get a message now. A new leader starts without tokens."""

    def __init__(self) -> None:
        self._tokens, self._filled_at = 0.0, time.monotonic()

    def now(self, rules: QueueRules) -> int:
        """Returns how many. Only the dispatcher marks tasks as queued: what is counted here cannot grow meanwhile."""
        if rules.paused:
            return 0
        if not rules.is_limited:
            return UNLIMITED
        queued, processing = selectors.under_way(rules.name)
        allowed = UNLIMITED
        if rules.concurrency_limit is not None:
            allowed = rules.concurrency_limit - queued - processing
        if rules.rate_limit is not None:
            self._fill(rules.rate_limit)
            # What waits with the broker could start all at once: no more than a burst of it, either.
            allowed = min(allowed, int(self._tokens), _burst(rules.rate_limit) - queued)
        return max(0, allowed)

    def take(self, tasks: int) -> None:
        self._tokens -= tasks

    def seconds_until_next(self, rules: QueueRules) -> float:
        """Returns in how many seconds to ask again, where nothing was allowed."""
        if rules.paused:
            return math.inf
        if rules.rate_limit is None or self._tokens >= 1:
            return LOOK_EVERY  # a task that ends frees its place, and nobody says so
        return (1 - self._tokens) / rules.rate_limit

    def _fill(self, rate: float) -> None:
        now = time.monotonic()
        # One more than a burst: a token that is nearly whole when it is asked for must not be cut off.
        self._tokens = min(_burst(rate) + 1.0, self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now


def _burst(rate: float) -> int:
    return max(1, int(rate * BURST_SECONDS))
