"""What the bodies of verbs may say; a submission's own fields are in `tasks.services.submission_form`."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import pydantic
from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field, field_validator
from rest_framework.request import Request

from tasks.api.filters import A_TIME, schema_of
from tasks.exceptions import InvalidSubmission
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.services.editing import UNCHANGEABLE
from tasks.services.failure_rules import RuleForm, says_something
from tasks.services.queues import LEAST_PER_SECOND, MOST_AT_ONCE, MOST_PER_SECOND
from tasks.services.retrying import LONGEST_SPREAD
from tasks.services.submission_form import WHOLE, Submission, Text, not_both, path_errors

LONGEST_REASON = 1_000
_BLANK = r"\s\u001c-\u001f\u0085"  # what Python strips, in the words of other regular expressions

Body = TypeVar("Body", bound=BaseModel)
Ids = Annotated[list[Annotated[uuid.UUID, Field(strict=False)]], Field(min_length=1)]
Priority = Annotated[int, Field(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY), WHOLE]
Spread = Annotated[float, Field(ge=0, le=LONGEST_SPREAD, allow_inf_nan=False)]


class Reasoned(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[Text, Field(max_length=LONGEST_REASON)] = ""


def _with_a_reason(schema: dict[str, Any]) -> None:
    schema["properties"]["reason"] |= {"minLength": 1, "pattern": rf"^[^\u0000]*[^\u0000{_BLANK}][^\u0000]*$"}
    del schema["properties"]["reason"]["default"]
    schema["required"] = [*schema.get("required", []), "reason"]


class Justified(Reasoned):
    """What the service refuses without a reason."""

    model_config = ConfigDict(json_schema_extra=_with_a_reason)


def _without(*names: str) -> Callable[[dict[str, Any]], None]:
    """Takes fields out of a model's schema, and with them the duty to give them."""

    def shorten(schema: dict[str, Any]) -> None:
        for name in names:
            del schema["properties"][name]
        schema.pop("required", None)
        _alone(schema)

    return shorten


def _alone(schema: dict[str, Any]) -> None:
    """Outside of a list there are no places to name tasks by."""
    not_both(schema)
    if "depends_on" in schema["properties"]:
        schema["properties"]["depends_on"]["items"] = {"type": "string", "format": "uuid"}


class Single(Submission):
    """For the schema alone: a submission that is in no list."""

    model_config = ConfigDict(json_schema_extra=_alone)


class Edited(Submission, Reasoned):
    """For the schema alone: `services.edit_task` reads it."""

    model_config = ConfigDict(json_schema_extra=_without(*UNCHANGEABLE))


class Cloned(Submission, Reasoned):
    """For the schema alone: `services.clone_task` reads it."""

    model_config = ConfigDict(json_schema_extra=_without("type"))


class Submissions(BaseModel):
    """For the schema alone: the other form of a list of submissions."""

    tasks: list[Submission]


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Paused(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Annotated[Text, Field(max_length=200)] = ""  # as long as the column


class Prioritised(Reasoned):
    priority: Priority


class Retried(Reasoned):
    """`payload` is a merge patch (RFC 7396)."""

    payload: dict[str, Any] | None = None
    spread: Spread = 0.0


class Many(Reasoned):
    ids: Ids

    @field_validator("ids")
    @classmethod
    def _not_too_many(cls, ids: list[uuid.UUID]) -> list[uuid.UUID]:
        return bounded(ids)


def bounded(ids: list[uuid.UUID]) -> list[uuid.UUID]:
    """Returns each id once. Raises ValueError for more than BULK_LIMIT."""
    if len(ids) > settings.BULK_LIMIT:
        raise ValueError(f"{len(ids):,} ids are more than {settings.BULK_LIMIT:,} at once (BULK_LIMIT)")
    return list(dict.fromkeys(ids))


class ManyRetried(Retried, Many):
    pass


class ManyPrioritised(Prioritised, Many):
    pass


class Matching(BaseModel):
    """Dead letters by filters, whose values are as in the list, or by their ids; by both those of them that match."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Annotated[Text, Field(json_schema_extra=schema_of("type"))] | None = None
    queue: Annotated[Text, Field(json_schema_extra=schema_of("queue"))] | None = None
    fingerprint: Annotated[Text, Field(json_schema_extra=schema_of("fingerprint"))] | None = None
    category: Annotated[Text, Field(json_schema_extra=schema_of("category"))] | None = None
    error_class: Annotated[Text, Field(json_schema_extra=schema_of("error_class"))] | None = None
    created_after: Annotated[Text, Field(json_schema_extra=A_TIME)] | None = None
    created_before: Annotated[Text, Field(json_schema_extra=A_TIME)] | None = None
    q: Annotated[Text | None, Field(description="A search in the grammar of docs/search.md")] = None
    ids: Ids | None = None

    @field_validator("ids")
    @classmethod
    def _not_too_many(cls, ids: list[uuid.UUID] | None) -> list[uuid.UUID] | None:
        return None if ids is None else bounded(ids)

    def filters(self) -> dict[str, str]:
        return self.model_dump(include=set(Matching.model_fields) - {"ids"}, exclude_none=True)


def _maybe_counted_in_the_address(schema: dict[str, Any]) -> None:
    schema["required"] = [name for name in schema["required"] if name != "confirm_count"]


def _with_a_reason_maybe_counted(schema: dict[str, Any]) -> None:
    _maybe_counted_in_the_address(schema)
    _with_a_reason(schema)


class Filtered(Reasoned, Matching):
    """`confirm_count` is how many open dead letters the caller expects to match."""

    confirm_count: Annotated[int, Field(ge=0), WHOLE]


class FilteredJustified(Filtered):
    model_config = ConfigDict(json_schema_extra=_with_a_reason_maybe_counted)


class FilteredRetried(Retried, Filtered):
    model_config = ConfigDict(json_schema_extra=_maybe_counted_in_the_address)


class Previewed(Matching):
    """`payload` is a merge patch (RFC 7396)."""

    payload: dict[str, Any] | None = None


def _may_be_a_part(schema: dict[str, Any]) -> None:
    says_something(schema)
    del schema["allOf"]  # what is left out stays as it is


class RuleChange(RuleForm):
    """For the schema alone: `services.change_rule` reads it, together with what the rule says already."""

    model_config = ConfigDict(json_schema_extra=_may_be_a_part)


class OfGroup(Reasoned):
    """`confirm_count` is how many of the group's dead letters the caller knows to be open."""

    confirm_count: Annotated[int, Field(ge=0), WHOLE]


class OfGroupRetried(Retried, OfGroup):
    pass


class OfGroupJustified(OfGroup):
    model_config = ConfigDict(json_schema_extra=_with_a_reason)


class Judged(Reasoned):
    """`seen` is how many deaths the caller knows of: where there are more by now, nothing is done."""

    seen: Annotated[int, Field(ge=0), WHOLE] | None = None


class JudgedWithReason(Judged):
    model_config = ConfigDict(json_schema_extra=_with_a_reason)


class Limits(BaseModel):
    """Both may be null, which is no limit; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rate_limit: Annotated[float, Field(ge=LEAST_PER_SECOND, le=MOST_PER_SECOND, allow_inf_nan=False)] | None = None
    concurrency_limit: Annotated[int, Field(ge=1, le=MOST_AT_ONCE), WHOLE] | None = None


def an_object(request: Request) -> dict[str, Any]:
    """Returns the body; no body at all is an empty object. Raises InvalidSubmission for what is none."""
    given: Any = request.data
    if not isinstance(given, Mapping):
        raise InvalidSubmission([{"code": "not_an_object", "detail": "the body is a JSON object", "attr": ""}])
    return dict(given)


def read(body: type[Body], given: Mapping[str, Any]) -> Body:
    """Raises InvalidSubmission with the path of each error."""
    try:
        return body.model_validate(given)
    except pydantic.ValidationError as error:
        raise InvalidSubmission(path_errors(error)[:100]) from None


def take_reason(given: dict[str, Any]) -> str:
    """Takes the reason out of a body whose other fields are a submission's."""
    return read(Reasoned, {"reason": given.pop("reason")} if "reason" in given else {}).reason


@contextmanager
def of_one(task_id: uuid.UUID | None) -> Iterator[None]:
    """Takes the task's id out of the paths of errors: where there is but one task, its body is what they lead into."""
    try:
        yield
    except InvalidSubmission as error:
        raise InvalidSubmission(
            [{**each, "attr": each["attr"].removeprefix(f"{task_id}.")} for each in error.errors]
        ) from None
