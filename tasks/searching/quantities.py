"""Times, lengths of time and numbers as people write them, and what they are compared with. Pure."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from tasks import moments
from tasks.searching.grammar import Value
from tasks.searching.messages import Wrong, quoted

TIME_EXAMPLE = "2026-07-01 or 2026-07-01T14:30:00Z"
LONGEST_SPAN = timedelta(days=36_500)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MINUTE = re.compile(r".*[T ]\d{2}:\d{2}(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE)
_SECOND = re.compile(r".*[T ]\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:?\d{2})?", re.IGNORECASE)
_SPAN = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|min|[smhdw])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def read_time(text: str, now: datetime | None = None) -> tuple[datetime, datetime]:
    """Returns where the time begins and ends: a day is all of it, a minute all of that. Raises Wrong.

    With `now`, "today" and "yesterday" are days as well. What names no zone is in the installation's.
    """
    try:
        moment, length = _moment(text, now)
        if timezone.is_naive(moment):
            # Added to the local time: a day may have 23 or 25 hours.
            return _in_utc(moment), _in_utc(moment + length)
        return moment.astimezone(UTC), moment.astimezone(UTC) + length
    except (ValueError, OverflowError):
        raise Wrong("invalid", f"{quoted(text)} is no time; give one such as {TIME_EXAMPLE}") from None


def _moment(text: str, now: datetime | None) -> tuple[datetime, timedelta]:
    day = timedelta(days=1)
    if now is not None and text.lower() in ("today", "yesterday"):
        today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        return (today if text.lower() == "today" else today - day), day
    if _DAY.fullmatch(text):
        return datetime.fromisoformat(text), day
    moment = parse_datetime(text)
    if moment is None:
        raise ValueError(text)
    if _MINUTE.fullmatch(text):
        return moment, timedelta(minutes=1)
    return moment, timedelta(seconds=1) if _SECOND.fullmatch(text) else timedelta(microseconds=1)


def _in_utc(moment: datetime) -> datetime:
    return timezone.make_aware(moment).astimezone(UTC)


def read_span(text: str) -> timedelta:
    """Returns a length of time: "90" seconds, "500ms", "2h", "1h30m". Raises Wrong."""
    number = text.strip().lower()
    parts = _SPAN.findall(number)
    if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", number):
        seconds = float(number)
    elif parts and "".join(f"{size}{unit}" for size, unit in parts) == number:
        seconds = sum(float(size) * _SECONDS[unit] for size, unit in parts)
    else:
        raise Wrong("invalid", f"{quoted(text)} is no length of time; give one such as 90s, 5m, 2h or 1d")
    if seconds > LONGEST_SPAN.total_seconds():
        raise Wrong("invalid", f"{quoted(text)} is longer than a hundred years")
    return timedelta(seconds=seconds)


def read_whole(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most):
        raise Wrong("invalid", f"{quoted(text)} is no whole number from {least:,} to {most:,}")
    return int(text)


def check_bounds(value: Value) -> None:
    """Raises Wrong for a comparison with nothing."""
    if not (value.low or value.high):
        raise Wrong("no_value", f"{quoted(value.text)} compares with nothing")


def compared(column: str, value: Value, read: Callable[[str], Any]) -> Q:
    """Returns how a column compares with a value that has no length, such as a number."""
    check_bounds(value)
    if value.compare == "..":
        return _at(column, "gte", value.low and read(value.low)) & _at(column, "lte", value.high and read(value.high))
    lookup = {"=": "exact", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}[value.compare]
    return _at(column, lookup, read(value.low))


def within(column: str, value: Value, now: datetime) -> Q:
    """Returns how a column of times compares with a time, which begins and ends; its end is not part of it."""
    check_bounds(value)
    words = None if value.is_quoted else now
    if value.compare == "..":
        first, last = (read_time(each, words) if each else None for each in (value.low, value.high))
        return _at(column, "gte", first and first[0]) & _at(column, "lt", last and last[1])
    start, end = read_time(value.low, words)
    match value.compare:
        case ">":
            return _at(column, "gte", end)
        case ">=":
            return _at(column, "gte", start)
        case "<":
            return _at(column, "lt", start)
        case "<=":
            return _at(column, "lt", end)
    return _at(column, "gte", start) & _at(column, "lt", end)


def _at(column: str, lookup: str, value: Any) -> Q:
    if value is None or value == "":
        return Q()
    return moments.at(column, lookup, value) if isinstance(value, datetime) else Q((f"{column}__{lookup}", value))
