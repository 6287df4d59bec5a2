"""From Polars' errors to sentences for the person who wrote the payload."""

import re
from collections.abc import Iterable, Iterator, Mapping
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
def blaming(where: str, names: Mapping[str, str]) -> Iterator[None]:
    """Turns what goes wrong inside into TaskFailed whose message starts with `where`."""
    prefix = f"{where}: " if where else ""
    try:
        yield
    except (pl.exceptions.PolarsError, DoesNotFit, ExpressionRefused, OverflowError) as error:
        raise TaskFailed(
            prefix + explain(error, names), category=FailureCategory.INVALID_PAYLOAD, retryable=False
        ) from error
    except OSError as error:  # a full disk, a share that went away: may be better next time
        raise TaskFailed(prefix + explain(error, names), category=FailureCategory.CODE_ERROR) from error
    except pl.exceptions.PanicException as error:
        message = f"{prefix}Polars broke off: {explain(error, names)}"
        raise TaskFailed(message, category=FailureCategory.CODE_ERROR, retryable=False) from error
