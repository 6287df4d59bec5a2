"""What the API answers, as types: `shapes` builds them, mypy holds it to them, and the schema is made of them.

Times are ISO 8601 in UTC. The docstring of a type and the descriptions of its fields are what integrators read.
"""

import uuid
from datetime import datetime
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
    Kind,
    OnDependencyFailure,
    Outcome,
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


class SearchedPage(Page[Shape]):
    """One page of a list that takes a search."""

    notes: Annotated[
        list[str],
        Field(description="What to know of what was found, such as how far a search looked or a name that nothing has"),
    ]


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
