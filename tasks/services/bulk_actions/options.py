"""What may be said of how a bulk action does its verb."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic
from django.conf import settings
from pydantic import BaseModel, ConfigDict, Field

from tasks.canary import Guard
from tasks.exceptions import InvalidSubmission
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.services.retrying import LONGEST_SPREAD
from tasks.services.submission_form import WHOLE, path_errors
from tasks.states import GUARDED, BulkVerb
from tasks.storable import DEEPEST, is_storable_json, is_too_deep


class BulkOptions(BaseModel):
    """`patch` is merged into each payload (RFC 7396); `spread` draws each moment from so many seconds."""

    model_config = ConfigDict(extra="forbid", strict=True)

    priority: Annotated[int, Field(ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY), WHOLE] | None = None
    patch: dict[str, Any] | None = None
    spread: Annotated[float, Field(ge=0, le=LONGEST_SPREAD, allow_inf_nan=False)] = 0.0


def default_guard() -> Guard:
    return Guard(
        canary=settings.GUARD_CANARY, rate=float(settings.GUARD_RATE), failure_share=settings.GUARD_FAILURES / 100
    )


def read_options(verb: BulkVerb, given: Mapping[str, Any]) -> BulkOptions:
    """Raises InvalidSubmission, with paths below `options`, for what is wrong or means nothing to the verb."""
    try:
        options = BulkOptions.model_validate(dict(given))
    except pydantic.ValidationError as error:
        raise InvalidSubmission(path_errors(error, "options")) from None
    errors: list[dict[str, str]] = []
    if verb == BulkVerb.CHANGE_PRIORITY and options.priority is None:
        errors.append({"code": "required", "detail": "say which priority", "attr": "options.priority"})
    if options.patch:
        _check_patch(options.patch, errors)
    foreign = {"priority"} if verb != BulkVerb.CHANGE_PRIORITY else set()
    foreign |= {"patch", "spread"} if verb not in GUARDED else set()
    for name in sorted(foreign & {name for name, value in options if value}):
        detail = f"this means nothing where the verb is {verb}"
        errors.append({"code": "unexpected", "detail": detail, "attr": f"options.{name}"})
    if errors:
        raise InvalidSubmission(errors)
    return options


def _check_patch(patch: Mapping[str, Any], errors: list[dict[str, str]]) -> None:
    try:
        text = json.dumps(patch, allow_nan=False, ensure_ascii=False)
        if not is_storable_json(text):
            raise ValueError("it holds a NUL character or a lone surrogate, which no database text can hold")
        if is_too_deep(text):
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        if len(text.encode()) > settings.PAYLOAD_LIMIT:
            raise ValueError(f"it has more than {settings.PAYLOAD_LIMIT:,} bytes (PAYLOAD_LIMIT)")
    except (TypeError, ValueError, RecursionError) as error:
        errors.append({"code": "not_json", "detail": f"the patch cannot be stored: {error}", "attr": "options.patch"})


def read_guard(verb: BulkVerb, given: Guard | Mapping[str, Any] | None) -> Guard | None:
    """What is left out of a guard is as the settings have it. Raises InvalidSubmission with paths below `guard`."""
    if given is None:
        return None
    if verb not in GUARDED:
        detail = f"only what brings tasks back can be guarded, and {verb} does not"
        raise InvalidSubmission([{"code": "unexpected", "detail": detail, "attr": "guard"}])
    if isinstance(given, Guard):
        return given
    try:
        return Guard.model_validate(default_guard().model_dump() | dict(given))
    except pydantic.ValidationError as error:
        raise InvalidSubmission(path_errors(error, "guard")) from None
