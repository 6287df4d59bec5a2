"""From an exception to what is stored of it: category, class, message, traceback, fingerprint. Pure."""

import asyncio
import hashlib
import re
import traceback as tracebacks
from dataclasses import dataclass
from typing import Any

import httpx
import pydantic

from tasks.exceptions import TaskFailed, TimeoutReached, UnknownType
from tasks.masking import masked_text
from tasks.retry_policy import LONGEST_DELAY
from tasks.states import NOT_RETRYABLE, FailureCategory
from tasks.storable import storable_text

CLASS_LIMIT = 200
MESSAGE_LIMIT = 4_000
TRACEBACK_LIMIT = 32_000

# The first class that fits decides; subclasses stand before their bases.
_CATEGORIES: list[tuple[type[BaseException], FailureCategory]] = [
    (TimeoutReached, FailureCategory.TIMEOUT),
    (UnknownType, FailureCategory.UNKNOWN_TYPE),
    (pydantic.ValidationError, FailureCategory.INVALID_PAYLOAD),
    (httpx.TimeoutException, FailureCategory.TIMEOUT),
    (httpx.TransportError, FailureCategory.CONNECTION),
    (asyncio.TimeoutError, FailureCategory.TIMEOUT),
    (ConnectionError, FailureCategory.CONNECTION),
]


@dataclass(frozen=True)
class Failure:
    category: FailureCategory
    error_class: str
    message: str
    traceback: str
    retryable: bool
    retry_after: float | None = None
    details: Any = None
    delay: float | None = None  # a rule's, instead of the policy's


def describe(error: BaseException) -> Failure:
    """Returns what is kept of an exception that a handler let out."""
    retryable: bool | None = None
    retry_after: float | None = None
    details: Any = None
    if isinstance(error, TaskFailed):
        category, retryable = _category(error.category), error.retryable
        retry_after, details = _seconds(error.retry_after), error.details
    else:
        category = next((c for kind, c in _CATEGORIES if isinstance(error, kind)), FailureCategory.CODE_ERROR)
    if retryable is None:
        retryable = category not in NOT_RETRYABLE
    return Failure(
        category=category,
        error_class=type(error).__name__[:CLASS_LIMIT],
        message=_kept(_message(error), MESSAGE_LIMIT),
        traceback=_kept(_traceback(error), TRACEBACK_LIMIT),
        retryable=retryable,
        retry_after=retry_after,
        details=details,
    )


def _kept(text: str, limit: int) -> str:
    # Masked here already: rows are read by alerts, exports and people with psql. Cut first, lest it takes for ever.
    return storable_text(masked_text(storable_text(text, 8 * TRACEBACK_LIMIT)), limit)


def fingerprint(type_name: str, error_class: str, message: str) -> str:
    """Returns 16 hex digits that are equal for failures that differ only in numbers, ids and quoted values."""
    normal = message.lower()
    for pattern, word in _VARIABLE_PARTS:
        normal = pattern.sub(word, normal)
    return hashlib.sha256(f"{type_name}\n{error_class}\n{normal[:500]}".encode()).hexdigest()[:16]


_VARIABLE_PARTS = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "<hex>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b"), "<hex>"),
    (re.compile(r"'[^']*'|\"[^\"]*\""), "<value>"),
    (re.compile(r"\d+(\.\d+)?"), "<n>"),
    (re.compile(r"\s+"), " "),
]


# What a handler says of its failure may be wrong itself, and the attempt must be recorded all the same.


def _category(value: Any) -> FailureCategory:
    try:
        return FailureCategory(value)
    except ValueError:
        return FailureCategory.CODE_ERROR


def _seconds(value: Any) -> float | None:
    if not isinstance(value, (int, float)) or not value > 0:
        return None
    return float(min(value, LONGEST_DELAY))


def _message(error: BaseException) -> str:
    # An exception's own __str__ is a stranger's code: it may raise.
    try:
        return str(error) or type(error).__name__
    except Exception as second:  # noqa: BLE001
        return f"{type(error).__name__} (its message could not be read: {type(second).__name__})"


def _traceback(error: BaseException) -> str:
    try:
        return "".join(tracebacks.format_exception(error))
    except Exception:  # noqa: BLE001
        return "the traceback could not be read"
