"""What the API answers of dead letters, their groups and the rules, as types: see `answers`."""

import uuid
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from tasks.api.answers import Category, Hidden, ProblemShape, SkippedShape, word_of
from tasks.states import GroupState, MessageMatch, Resolution, RuleVerdict


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
