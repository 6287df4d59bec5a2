"""A queue and its figures in the words of pages: the list, the page of one queue and the dashboard show the same."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from tasks.admin.badges import QUEUE_COLOURS
from tasks.models import Queue
from tasks.overload import states_of
from tasks.queue_figures import PARKED, QueueFigures
from tasks.states import BACKLOG, QueueState, TaskStatus
from tasks.wording import span

UNKNOWN, NEVER = "\N{EN DASH}", "never"


def tasks_address(**filters: str) -> str:
    """Returns the list of tasks with these filters set."""
    return f"{reverse('admin:tasks_task_changelist')}?{urlencode(filters)}"


def number(count: int, *, is_cut: bool) -> str:
    return f"{count:,}+" if is_cut else f"{count:,}"


def rate(per_second: float | None) -> str:
    """Returns tasks a second, or a minute where they are few."""
    if per_second is None:
        return UNKNOWN
    if per_second == 0:
        return "0"
    if per_second < 0.1:
        return f"{per_second * 60:.1f}/min"
    return f"{per_second:,.1f}/s" if per_second < 10 else f"{per_second:,.0f}/s"


def lasting(seconds: float | None) -> str:
    return UNKNOWN if seconds is None else "now" if seconds < 0.5 else span(round(seconds))


def drain(figures: QueueFigures) -> str:
    if figures.never_drains:
        return NEVER
    if not figures.depth:
        return UNKNOWN  # there is nothing to drain
    seconds = figures.drain_seconds
    if seconds is None:
        return UNKNOWN
    return f"> {span(seconds)}" if figures.depth_is_capped else span(seconds)


@dataclass(frozen=True, slots=True)
class Badge:
    words: str
    colour: str
    reason: str


@dataclass(frozen=True, slots=True)
class Face:
    """What templates show of one queue."""

    queue: Queue
    figures: QueueFigures

    @property
    def badges(self) -> list[Badge]:
        return [Badge(state.label, QUEUE_COLOURS[state], why) for state, why in states_of(self.queue, self.figures)]

    @property
    def worst(self) -> tuple[int, float, int]:
        """The key by which the worst queues come first."""
        states = [state for state, _ in states_of(self.queue, self.figures)]
        order = [QueueState.OVERLOADED, QueueState.PAUSED, QueueState.UNSERVED, QueueState.LIMITED, QueueState.OPEN]
        return order.index(states[0]), -(self.figures.oldest_seconds or 0.0), -self.figures.depth

    @property
    def address(self) -> str:
        return reverse("admin:tasks_queue_change", args=[self.queue.pk])

    @property
    def depth(self) -> str:
        return number(self.figures.depth, is_cut=self.figures.depth_is_capped)

    @property
    def parts(self) -> list[tuple[str, str, str]]:
        """What the depth consists of: the count, its word, and the list of those tasks."""
        return [part for part in self.by_status if part[1] in (*BACKLOG, PARKED)]

    @property
    def by_status(self) -> list[tuple[str, str, str]]:
        found = []
        for word, count in self.figures.counts.items():
            if count:
                status = TaskStatus.PENDING.value if word == PARKED else word
                address = tasks_address(queue=self.queue.name, status=status)
                found.append((number(count, is_cut=word in self.figures.at_least), word, address))
        return found

    @property
    def oldest(self) -> str:
        return lasting(self.figures.oldest_seconds)

    @property
    def comes(self) -> str:
        return rate(self.figures.in_per_second)

    @property
    def goes(self) -> str:
        return rate(self.figures.out_per_second)

    @property
    def drains_in(self) -> str:
        return drain(self.figures)

    @property
    def kinds(self) -> str:
        """To what the processes listen."""
        found = sorted(self.figures.processes.items())
        if all(count == self.figures.listening for _, count in found):
            return " and ".join(kind.value for kind, _ in found)
        return ", ".join(f"{count} {kind.value}" for kind, count in found)

    @property
    def running(self) -> str:
        return number(self.figures.running, is_cut=TaskStatus.PROCESSING in self.figures.at_least)

    @property
    def gauge(self) -> dict[str, Any] | None:
        """How much of the concurrency limit is taken."""
        limit = self.queue.concurrency_limit
        if limit is None:
            return None
        return {
            "value": min(self.figures.under_way, limit),
            "most": limit,
            "words": f"{self.figures.under_way:,} of {limit:,}",
        }

    @property
    def limits(self) -> str:
        said = []
        if self.queue.rate_limit is not None:
            said.append(f"{self.queue.rate_limit:g} a second")
        if self.queue.concurrency_limit is not None:
            said.append(f"{self.queue.concurrency_limit:,} at once")
        return ", ".join(said)
