"""The rule by which a queue is overloaded, and in which state a queue is. Pure: figures in, words out."""

from dataclasses import dataclass

from django.conf import settings

from tasks.models import Queue
from tasks.queue_figures import QueueFigures
from tasks.states import QueueState
from tasks.wording import span


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A queue that is not paused is overloaded where one of these is reached; all together, where a sum is."""

    depth: int
    depth_in_all: int
    oldest_seconds: int
    drain_seconds: int

    @classmethod
    def of_settings(cls) -> "Rule":
        return cls(
            depth=settings.OVERLOAD_DEPTH,
            depth_in_all=settings.OVERLOAD_DEPTH_IN_ALL,
            oldest_seconds=settings.OVERLOAD_OLDEST_SECONDS,
            drain_seconds=settings.OVERLOAD_DRAIN_SECONDS,
        )

    def in_words(self) -> str:
        return (
            f"A queue that is not paused is overloaded where {self.depth:,} tasks or more wait in it, where one has"
            f" waited {span(self.oldest_seconds)} or longer, where working off what waits takes"
            f" {span(self.drain_seconds)} or longer at the rate of late, or where something waits and no worker"
            f" listens. All queues together are overloaded where {self.depth_in_all:,} tasks or more wait in them, or"
            f" where working those off takes that long."
        )

    def reasons(self, queue: Queue, figures: QueueFigures) -> list[Reason]:
        """Returns why the queue is overloaded; nothing where it is not."""
        if queue.paused or not figures.depth:
            return []
        found = self._of_numbers(figures, self.depth)
        if figures.oldest_seconds is not None and figures.oldest_seconds >= self.oldest_seconds:
            found.append(Reason("oldest", f"the oldest has waited {span(figures.oldest_seconds)}"))
        if not figures.listening:
            found.append(Reason("no_workers", "no worker listens"))
        return found

    def reasons_in_all(self, whole: QueueFigures) -> list[Reason]:
        return self._of_numbers(whole, self.depth_in_all) if whole.depth else []

    def _of_numbers(self, figures: QueueFigures, depth: int) -> list[Reason]:
        found = []
        if figures.depth >= depth:
            more = "more than " if figures.depth_is_capped else ""
            found.append(Reason("depth", f"{more}{figures.depth:,} tasks wait"))
        drain = figures.drain_seconds
        if drain is not None and drain >= self.drain_seconds:
            more = "more than " if figures.depth_is_capped else ""
            found.append(Reason("drain", f"working off what waits takes {more}{span(drain)}"))
        return found


def states_of(queue: Queue, figures: QueueFigures) -> list[tuple[QueueState, str]]:
    """Returns the states of a queue, what matters most first, each with its reason; an open queue needs none."""
    found: list[tuple[QueueState, str]] = []
    if queue.paused:
        found.append((QueueState.PAUSED, queue.pause_reason or "no reason was given"))
    overload = Rule.of_settings().reasons(queue, figures)
    if overload:
        found.append((QueueState.OVERLOADED, "; ".join(reason.words for reason in overload)))
    elif not figures.listening:
        found.append((QueueState.UNSERVED, "no worker listens"))
    limit = None if queue.paused else _limit_in_the_way(queue, figures)
    if limit:
        found.append((QueueState.LIMITED, limit))
    return found or [(QueueState.OPEN, "")]


def _limit_in_the_way(queue: Queue, figures: QueueFigures) -> str | None:
    if not figures.depth:
        return None
    if queue.concurrency_limit is not None and figures.under_way >= queue.concurrency_limit:
        return f"{figures.under_way:,} of {queue.concurrency_limit:,} at once are under way"
    if queue.rate_limit is not None:
        return f"no more than {queue.rate_limit:g} a second are started"
    return None
