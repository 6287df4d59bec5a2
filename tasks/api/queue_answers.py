"""What the API answers of queues, of their figures and of all tasks together; see `answers`."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from tasks.api.answers import RatesShape, Seconds, word_of
from tasks.states import QueueState

AtLeast = Annotated[list[str], Field(description="Names of counts that were cut: it is that much or more")]


class FiguresShape(TypedDict):
    """What waits, how fast it comes and goes, who serves it. null is what nobody can tell."""

    counts: Annotated[dict[str, int], Field(description="Unfinished tasks by status, and how many are parked")]
    at_least: AtLeast
    depth: Annotated[int, Field(description="Tasks that are due and not begun: pending and queued")]
    depth_is_capped: bool
    oldest_seconds: Annotated[float | None, Field(description="Since what waits longest was due")]
    in_per_second: Annotated[
        float | None,
        Field(
            description="Submitted, over the last minute, or the last five where fewer than ten came in it, as far back"
            " as the newest 10,000 of all queues reach"
        ),
    ]
    out_per_second: Annotated[float | None, Field(description="Executed to their end, over the same")]
    drain_seconds: Annotated[
        float | None, Field(description="Until what waits now is worked off at that rate; null: never, or unknown")
    ]
    never_drains: Annotated[bool, Field(description="Something waits, and nothing went out")]
    under_way: Annotated[int, Field(description="What the concurrency limit counts: running, and with the broker")]
    processes: Annotated[int, Field(description="Worker processes that listen")]


class StateShape(TypedDict):
    state: Annotated[str, word_of(QueueState)]
    reason: str | None


class PauseShape(TypedDict):
    """What a pause has brought so far."""

    in_force_at_dispatch: Annotated[bool, Field(description="Nothing of the queue is with the broker any more")]
    in_force_at_claim: Annotated[bool, Field(description="No worker begins anything of it")]
    still_with_the_broker: int
    still_running: Annotated[int, Field(description="These end as they would have")]


class QueueShape(FiguresShape):
    name: str
    description: str
    states: Annotated[list[StateShape], Field(description="What matters most comes first")]
    paused: bool
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    pause: PauseShape | None
    rate_limit: Annotated[float | None, Field(description="Tasks a second over all workers")]
    concurrency_limit: Annotated[int | None, Field(description="Tasks at once over all workers")]


class CoordinatorShape(TypedDict):
    leading: bool
    holder: str | None
    term: int
    broker_answers: Annotated[bool | None, Field(description="null: nobody leads, so nobody knows")]
    broker_error: str | None


class WorkerCountsShape(TypedDict):
    """Workers by what their heartbeats say."""

    alive: int
    suspected: int
    gone: int
    stopped: int
    processes: Annotated[int, Field(description="Of those that are online")]


class StatusShape(TypedDict):
    coordinator: CoordinatorShape
    workers: WorkerCountsShape
    in_all: FiguresShape
    queues: list[QueueShape]


class ReasonShape(TypedDict):
    code: Annotated[str, word_of("depth", "drain", "oldest", "no_workers")]
    detail: str


class VerdictShape(FiguresShape):
    overloaded: bool
    reasons: list[ReasonShape]


class QueueVerdictShape(VerdictShape):
    name: str
    paused: bool


class RuleShape(TypedDict):
    """The thresholds: OVERLOAD_DEPTH, OVERLOAD_DEPTH_IN_ALL, OVERLOAD_OLDEST_SECONDS, OVERLOAD_DRAIN_SECONDS."""

    depth: int
    depth_in_all: int
    oldest_seconds: Seconds
    drain_seconds: Seconds
    in_words: str


class OverloadedShape(TypedDict):
    overloaded: Annotated[bool, Field(description="All together, or any of them")]
    rule: RuleShape
    in_all: VerdictShape
    queues: list[QueueVerdictShape]


class FailedCountShape(TypedDict):
    count: int
    count_is_capped: bool
    by_queue: dict[str, int]
    open_dead_letters: int
    open_dead_letters_are_capped: bool


class QueuePendingShape(TypedDict):
    count: int
    count_is_capped: bool
    depth: Annotated[int, Field(description="With those that are with the broker")]


class PendingCountShape(TypedDict):
    count: int
    count_is_capped: bool
    depth: Annotated[int, Field(description="With those that are with the broker")]
    depth_is_capped: bool
    by_queue: dict[str, QueuePendingShape]


class TaskStatsShape(TypedDict):
    """Counts are exact up to a cap of 10,000."""

    total: int
    by_status: dict[str, int]
    by_type: dict[str, int]
    by_queue: dict[str, int]
    open_dead_letters: int
    per_minute: Annotated[RatesShape, Field(description="Within the last 60 s; at the rate of the newest 10,000")]
    at_least: Annotated[
        list[str], Field(description="Paths of counts that were cut, such as by_status.completed: that much or more")
    ]
