"""What the API answers, as types: `shapes` builds them, mypy holds it to them, and the schema is made of them.

Times are ISO 8601 in UTC. The docstring of a type and the descriptions of its fields are what integrators read.
"""

import uuid
from datetime import date, datetime
from typing import (
    Annotated,
    Any,
    Generic,
    NotRequired,  # pydantic takes no other before Python 3.12
    TypeVar,
    cast,
)

from django.db.models import TextChoices
from pydantic import Field, JsonValue
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

from tasks.states import (
    EventKind,
    FailureCategory,
    GroupState,
    Kind,
    MessageMatch,
    OnDependencyFailure,
    Outcome,
    Resolution,
    RuleVerdict,
    TaskStatus,
)

Shape = TypeVar("Shape")
Hidden = Field(description="null without the permission tasks.view_payload; secrets are masked")
Seconds = Annotated[float, Field(description="In seconds")]


def word_of(*vocabulary: type[TextChoices] | str) -> FieldInfo:
    """Says which words a text may be: rows hold them as plain texts."""
    words: list[JsonValue] = [
        word for each in vocabulary for word in ([each] if isinstance(each, str) else each.values)
    ]
    return cast(FieldInfo, Field(json_schema_extra={"enum": words}))


Status = Annotated[str, word_of(TaskStatus)]
Category = Annotated[str, word_of(FailureCategory)]


class Page(TypedDict, Generic[Shape]):
    """One page of a list."""

    count: Annotated[int, Field(description="Rows in all; counting stops at a cap")]
    count_is_capped: Annotated[bool, Field(description="Whether there are more than `count`")]
    next: Annotated[str | None, Field(description="Address of the next page")]
    previous: Annotated[str | None, Field(description="Address of the page before")]
    results: list[Shape]


class ProblemShape(TypedDict):
    code: Annotated[str, Field(description="For programs")]
    detail: Annotated[str, Field(description="For people")]
    attr: Annotated[str | None, Field(description="Path of the field that it is about")]


# --- Tasks ------------------------------------------------------------------------------------------------------------


class ProgressShape(TypedDict):
    fraction: Annotated[float | None, Field(description="0 to 1")]
    text: str


# By call, because `class` is no name that Python could declare.
ErrorShape = TypedDict(
    "ErrorShape",
    {
        "category": Category,
        "class": str,
        "message": Annotated[str, Field(description="With secrets masked")],
    },
)


class TaskShape(TypedDict):
    """One piece of work that somebody asked for."""

    id: uuid.UUID
    type: str
    name: str
    queue: str
    priority: Annotated[int, Field(description="0 to 9, 9 first")]
    status: Status
    payload: Annotated[dict[str, Any] | None, Hidden]
    tags: list[str]
    attempt: Annotated[int, Field(description="Number of the newest attempt; 0 before the first")]
    max_attempts: int
    retry: Annotated[dict[str, Any], Field(description="The retry policy, in seconds")]
    timeout: Annotated[float, Field(description="Seconds that one attempt may take")]
    run_at: Annotated[datetime, Field(description="Not before this time")]
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    progress: ProgressShape | None
    result: Annotated[Any, Hidden]
    error: ErrorShape | None
    worker: str | None
    timetable: Annotated[list[float], Field(description="The longest wait before each attempt after the first")]
    cancel_requested_at: datetime | None
    depends_on: list[uuid.UUID]
    on_dependency_failure: Annotated[str, word_of(OnDependencyFailure)]
    unmet: Annotated[int, Field(description="Dependencies that are not completed")]
    parked: Annotated[str | None, Field(description="Why the dispatcher passes over it")]
    compensates: uuid.UUID | None
    clone_of: uuid.UUID | None
    created_by: str | None
    url: str


class AttemptShape(TypedDict):
    """One claim of a task by a worker, and how it ended."""

    number: int
    outcome: Annotated[str, word_of(Outcome, "running")]
    worker: str
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    result: Annotated[Any, Hidden]
    error: ErrorShape | None
    traceback: Annotated[str | None, Hidden]


class EventShape(TypedDict):
    """What attempts do not show: edited, cancelled, reprocessed and so on."""

    at: datetime
    kind: Annotated[str, word_of(EventKind)]
    attempt: int
    actor: str | None
    reason: str | None
    changes: Annotated[dict[str, Any] | None, Field(description="Before and after of each field")]


class LogShape(TypedDict):
    """A line that a handler wrote."""

    attempt: int
    at: datetime
    level: str
    message: str
    fields: dict[str, Any]


class PlannedShape(TypedDict):
    """An attempt that may still come; waits are counted from the failure of the one before."""

    number: int
    not_before: datetime | None
    shortest_wait: Seconds | None
    longest_wait: Seconds | None


class TimelineShape(TypedDict):
    """One task's life in order."""

    task: uuid.UUID
    status: Status
    now: Annotated[datetime, Field(description="The database's time")]
    created_at: datetime
    created_by: str | None
    finished_at: datetime | None
    attempts: list[AttemptShape]
    events: list[EventShape]
    planned: list[PlannedShape]
    retry: dict[str, Any]
    timetable: list[float]
    is_cut: Annotated[bool, Field(description="Whether older attempts or events were left out")]


class TypeShape(TypedDict):
    """What can be submitted here."""

    name: str
    description: str
    kind: Annotated[str, word_of(Kind)]
    queue: str
    timeout: Seconds
    max_attempts: int
    retry: dict[str, Any]
    timetable: Annotated[list[float], Field(description="The longest waits before each attempt after the first")]
    can_be_compensated: bool
    known_online: Annotated[bool, Field(description="An online worker of its queue knows it")]
    schema: Annotated[dict[str, Any], Field(description="JSON Schema of its payload")]


class BulkShape(TypedDict):
    """What became of a list of submissions, in its order."""

    count: int
    created: Annotated[int, Field(description="How many are new; the others were submitted before with their key")]
    ids: list[uuid.UUID]


class RatesShape(TypedDict):
    submitted: int
    finished: int


class SkippedShape(TypedDict):
    id: uuid.UUID
    status: Annotated[str | None, Field(description="null where there is no such row")]
    reason: str


class ReportShape(TypedDict):
    """What a verb did to each of the ids."""

    done: list[uuid.UUID]
    requested: Annotated[list[uuid.UUID], Field(description="To be confirmed by the worker that executes it")]
    skipped: list[SkippedShape]


# --- Dead letters -----------------------------------------------------------------------------------------------------


class DeadLetterShape(TypedDict):
    """A task that is finally dead, or a message that could not be executed at all."""

    id: uuid.UUID
    task: uuid.UUID | None
    type: str
    category: Category
    error_class: str
    message: Annotated[str, Field(description="With secrets masked")]
    traceback: Annotated[str | None, Hidden]
    fingerprint: Annotated[str, Field(description="Equal for what failed in the same way")]
    attempts: int
    created_at: datetime
    resolution: Annotated[Annotated[str, word_of(Resolution)] | None, Field(description="null while it is open")]
    resolved_at: datetime | None
    resolved_by: str | None


class SampleShape(TypedDict):
    id: uuid.UUID
    task: uuid.UUID | None
    category: Category
    error_class: str
    message: str


class ReturnedShape(TypedDict):
    """A resolved group that came back."""

    at: datetime
    resolved_at: Annotated[datetime | None, Field(description="Since when it had been taken for mended")]
    worker: str | None
    release: Annotated[str | None, Field(description="Of that worker")]


class TrendShape(TypedDict):
    """Deaths, the newest last."""

    day: Annotated[list[int], Field(description="Each of the last 24 hours")]
    week: Annotated[list[int], Field(description="Each six hours of the last seven days")]


class GroupShape(TypedDict):
    """Dead letters that failed in the same way. Counts are at most seconds old."""

    fingerprint: str
    state: Annotated[str, word_of(GroupState)]
    state_at: datetime | None
    state_by: str | None
    state_reason: str | None
    returned: ReturnedShape | None
    category: Category
    error_class: str
    message: Annotated[str, Field(description="With secrets masked")]
    count: Annotated[int, Field(description="Open dead letters")]
    total: Annotated[int, Field(description="Deaths in all")]
    first_seen: datetime
    last_seen: datetime
    types: Annotated[dict[str, int], Field(description="Open dead letters by type")]
    queues: Annotated[dict[str, int], Field(description="Deaths by queue")]
    trend: TrendShape
    sample: Annotated[SampleShape | None, Field(description="The newest of them")]


class PayloadPreviewShape(TypedDict):
    """A payload before and after the patch."""

    id: Annotated[uuid.UUID, Field(description="The dead letter")]
    task: uuid.UUID
    type: str
    before: Annotated[Any, Hidden]
    after: Annotated[Any, Hidden]
    errors: list[ProblemShape]


class PreviewShape(TypedDict):
    """What a reprocess would do."""

    count: Annotated[int, Field(description="Open dead letters that match: the `confirm_count` of the reprocess")]
    looked_at: Annotated[int, Field(description="The oldest so many were looked at; what follows counts among these")]
    comes_back: int
    held_back: Annotated[int, Field(description="They failed because of a task that they depend on")]
    strays: Annotated[int, Field(description="Messages that belong to no task")]
    changed: int
    invalid: Annotated[int, Field(description="Payloads that would be refused: with one of these, nothing is done")]
    errors: Annotated[list[ProblemShape], Field(description="The first; each path begins with the task")]
    samples: Annotated[list[PayloadPreviewShape], Field(description="Some of them, the invalid ones first")]


class FailureRuleShape(TypedDict):
    """What operators say of failures. The first enabled one that matches decides."""

    id: int
    order: Annotated[int, Field(description="The lowest is asked first")]
    enabled: bool
    type: Annotated[str, Field(description="A glob; empty matches every type")]
    error_class: Annotated[str, Field(description="A glob; empty matches every class")]
    message: str
    message_match: Annotated[str, word_of(MessageMatch)]
    category: Annotated[str, Field(description="Empty: it stays as the error says")]
    verdict: Annotated[str, word_of(RuleVerdict, "")]
    delay: Annotated[float | None, Field(description="Seconds before the next attempt; null: by the retry policy")]
    note: str
    changed_at: datetime


class TriedShape(TypedDict):
    task: uuid.UUID | None
    type: str
    error_class: str
    message: Annotated[str, Field(description="With secrets masked")]
    category: Category
    becomes: Category
    at: datetime


class TrialShape(TypedDict):
    """What a rule would have done to failures of late."""

    checked: int
    matched: int
    taken_before: Annotated[int, Field(description="It matches these, and a rule before it decides")]
    samples: Annotated[list[TriedShape], Field(description="The newest")]


class DayShape(TypedDict):
    day: date
    died: int
    open: Annotated[int, Field(description="Those of them that are still open")]


class DeadLetterStatsShape(TypedDict):
    open: int
    by_category: dict[str, int]
    by_type: dict[str, int]
    by_queue: dict[str, int]
    by_day: Annotated[list[DayShape], Field(description="The last 30 days in UTC, the newest last")]
    oldest: datetime | None
    newest: datetime | None
    resolved: dict[str, int]
    groups: Annotated[dict[str, int], Field(description="Groups by their state")]


class MatchedShape(TypedDict):
    """What a verb did to everything that a filter matched."""

    count: int
    skipped_count: int
    skipped: Annotated[list[SkippedShape], Field(description="The first 1,000")]


# --- Health, tokens ---------------------------------------------------------------------------------------------------


class HealthShape(TypedDict):
    status: str
    reason: NotRequired[str]


class PairShape(TypedDict):
    """Two JSON Web Tokens."""

    access: str
    refresh: str


class AccessShape(TypedDict):
    access: str


# --- Refusals ---------------------------------------------------------------------------------------------------------


class RefusalShape(TypedDict):
    """Why nothing was done: every refusal has this form."""

    type: Annotated[str, Field(description="validation_error, client_error or server_error")]
    errors: Annotated[list[ProblemShape], Field(min_length=1)]


class ConflictShape(RefusalShape):
    """Nothing was done, because the state that it was asked in is another. The members beside the errors name it."""

    status: NotRequired[Annotated[str, Field(description="The current state of the row")]]
    count: NotRequired[Annotated[int, Field(description="How many rows the filter matches now")]]
    bulk_action: NotRequired[Annotated[uuid.UUID, Field(description="The one that is under way already")]]
