"""From Polars' errors to sentences for the person who wrote the payload."""

import errno
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import polars as pl

from tasks.exceptions import TaskFailed
from tasks.handlers.data_processing.sql_guard import ExpressionRefused
from tasks.states import FailureCategory

_HINTS = [
    (r"casting from \S+ to (date|datetime|time)\b", 'text becomes a date or time by the step "cast"'),
    (r"could not parse .* as dtype|cannot parse '", 'name the column\'s type in "dtypes"'),
    (r"invalid utf-8", "text files must be in UTF-8"),
    (r"unable to parse '.*' as Expr", "it is not one complete expression"),
]


class DoesNotFit(ValueError):
    """The payload does not fit the data. The message is for the person who wrote it."""


# OverflowError: a number in the payload that is larger than any of Polars' integers.
_WRONG_PAYLOAD = (pl.exceptions.PolarsError, DoesNotFit, ExpressionRefused, OverflowError)


def require(frame: pl.LazyFrame, names: Iterable[str], *, side: str = "") -> None:
    """Raises DoesNotFit where the frame lacks one of the columns. Polars would take some names for patterns."""
    known = frame.collect_schema().names()
    missing = [name for name in names if name not in known]
    if missing:
        there = ", ".join(f'"{name}"' for name in known[:50])
        raise DoesNotFit(f'{side or "the data"} has no column "{missing[0]}"; there are: {there or "none"}')


def explain(error: BaseException, names: Mapping[str, str] | None = None) -> str:
    """Returns what is wrong in one line. `names` replaces what Polars calls a file by what the payload calls it."""
    # The first paragraph is the message; plans, stacks and hints about Polars' Python interface follow.
    first = str(error).strip().split("\n\n", 1)[0].split("It was removed in Polars", 1)[0]
    message = re.sub(r"\s+", " ", first).strip().rstrip(".")
    for path, name in (names or {}).items():
        message = re.sub(rf"{path}\b", lambda _, name=name: name, message)  # type: ignore[misc]
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, message)), None)
    return f"{message} ({hint})" if hint else message or type(error).__name__


@contextmanager
def blaming(where: str | Callable[[BaseException], str], names: Mapping[str, str]) -> Iterator[None]:
    """Turns what goes wrong inside into TaskFailed whose message starts with `where`, or with what it returns."""
    try:
        yield
    except (*_WRONG_PAYLOAD, OSError, pl.exceptions.PanicException) as error:
        culprit = where if isinstance(where, str) else where(error)
        raise _failure(error, culprit, explain(error, names)) from error


def is_full(error: BaseException) -> bool:
    """Tells whether a file could not grow: no space, a quota, a limit."""
    return any(f"(os error {number})" in str(error) for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def _failure(error: BaseException, culprit: str, message: str) -> TaskFailed:
    prefix = f"{culprit}: " if culprit else ""
    is_of_system = isinstance(error, OSError) or "(os error " in message  # Polars wraps some of them
    if isinstance(error, _WRONG_PAYLOAD) and not is_of_system:
        return TaskFailed(prefix + message, category=FailureCategory.INVALID_PAYLOAD, retryable=False)
    if is_of_system:  # a full disk, a share that went away: may be better next time
        return TaskFailed(prefix + message, category=FailureCategory.CODE_ERROR)
    return TaskFailed(
        f"{prefix}Polars broke off, and a file may be damaged: {message[:200]}",
        category=FailureCategory.CODE_ERROR,
        retryable=False,
    )
