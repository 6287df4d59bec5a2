"""What a submission may say, field by field. The type's own payload model is applied afterwards."""

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import pydantic
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from tasks.exceptions import InvalidSubmission
from tasks.masking import masked_text
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.registry import LONGEST_TIMEOUT, MOST_ATTEMPTS, NAME_LIMIT
from tasks.retry_policy import RetryPolicy
from tasks.states import OnDependencyFailure

DEPENDENCIES_LIMIT = 1_000
YEAR = 366 * 86_400.0

# Outside of these years a time cannot be shown in every zone.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)

_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")


def iso_time(value: Any) -> Any:
    # pydantic also takes numbers and strings of digits for Unix times: a typo would run in 1970.
    if isinstance(value, datetime) or (isinstance(value, str) and _ISO.match(value)):
        return value
    raise ValueError("give an ISO 8601 time with its zone, such as 2030-01-31T08:00:00Z")


def _within_years(value: datetime) -> datetime:
    if not EARLIEST <= value < LATEST:
        raise ValueError(f"give a time of the years {EARLIEST.year} to {LATEST.year - 1}")
    return value


def _no_nul(value: str) -> str:
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("NUL characters and lone surrogates cannot be stored")
    return value


_STORABLE = {"pattern": r"^[^\u0000]*$"}  # what the validator says, for the schema


def _whole(value: Any) -> Any:
    # JSON knows one kind of number: 5.0 is 5.
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)  # comes after a field's limits, which its schema would lose else
Text = Annotated[str, pydantic.AfterValidator(_no_nul), Field(json_schema_extra=_STORABLE)]
Tag = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=50),
    pydantic.AfterValidator(_no_nul),
    Field(json_schema_extra={"pattern": r"^[^\u0000]*[^\u0000\s][^\u0000]*$"}),
]


def _reference(value: Any) -> Any:
    """A task by its id or, within one list, by its place there."""
    value = _whole(value)
    if isinstance(value, uuid.UUID) or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    try:
        return uuid.UUID(value)
    except (TypeError, ValueError, AttributeError):
        raise ValueError("give the id of a task or, within a list, the index of another task of the list") from None


Reference = Annotated[uuid.UUID | Annotated[int, Field(ge=0)], BeforeValidator(_reference)]


class Undo(BaseModel):
    """The task that undoes another one, submitted when somebody asks for that."""

    model_config = ConfigDict(extra="forbid", strict=True)

    type: Annotated[Text, Field(min_length=1, max_length=NAME_LIMIT)]
    payload: dict[str, Any] = Field(default_factory=dict)


def not_both(schema: dict[str, Any]) -> None:
    """Says in a schema what `_one_time` checks."""
    both = {"delay": {"type": "number"}, "run_at": {"type": "string"}}
    schema["not"] = {"required": list(both), "properties": both}


class Submission(BaseModel):
    """One task as people and programs ask for it. Times are in seconds."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=not_both)

    type: Annotated[Text, Field(min_length=1, max_length=NAME_LIMIT)]
    payload: dict[str, Any] = Field(default_factory=dict)
    name: Annotated[Text, Field(max_length=200)] = ""
    queue: Annotated[Text, Field(min_length=1, max_length=60)] | None = None
    priority: Annotated[int, Field(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY), WHOLE] | None = None
    delay: Annotated[float, Field(ge=0, le=10 * YEAR, allow_inf_nan=False)] | None = None
    run_at: (
        Annotated[AwareDatetime, BeforeValidator(iso_time), Field(strict=False), pydantic.AfterValidator(_within_years)]
        | None
    ) = None
    max_attempts: Annotated[int, Field(ge=1, le=MOST_ATTEMPTS), WHOLE] | None = None
    retry: Annotated[RetryPolicy, Field(strict=False)] | None = None
    timeout: Annotated[float, Field(gt=0, le=LONGEST_TIMEOUT, allow_inf_nan=False)] | None = None
    tags: Annotated[list[Tag], Field(max_length=20)] = Field(default_factory=list)
    idempotency_key: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    depends_on: Annotated[list[Reference], Field(max_length=DEPENDENCIES_LIMIT)] = Field(default_factory=list)
    on_dependency_failure: Annotated[OnDependencyFailure, Field(strict=False)] = OnDependencyFailure.FAIL
    compensate: Undo | None = None

    @model_validator(mode="after")
    def _one_time(self) -> "Submission":
        if self.delay is not None and self.run_at is not None:
            raise ValueError("give delay or run_at, not both")
        return self


def one_form(given: Any) -> Submission:
    """Reads one submission. Raises InvalidSubmission with the path of each error."""
    if not isinstance(given, Mapping):
        raise InvalidSubmission([{"code": "not_an_object", "detail": "a task is a JSON object", "attr": ""}])
    try:
        return Submission.model_validate(given)
    except pydantic.ValidationError as error:
        raise InvalidSubmission(path_errors(error)) from None


def path_errors(error: pydantic.ValidationError, prefix: str = "") -> list[dict[str, str]]:
    """Returns pydantic's errors as {code, detail, attr}, without what secrets they may repeat."""
    found = []
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        parts = [prefix, *(str(part) for part in each["loc"])]
        found.append(
            {
                "code": each["type"],
                "detail": masked_text(each["msg"].removeprefix("Value error, ")),
                "attr": masked_text(".".join(part for part in parts if part)),
            }
        )
    return found
