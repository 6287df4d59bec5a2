"""Cursors: a place between two rows of an ordered list, which stays where it is whatever comes and goes before it."""

import base64
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.db.models import Q, QuerySet

from tasks import database, moments
from tasks.paging import in_parts

_NULLABLE = frozenset({"finished_at"})


class NoCursor(ValueError):
    """The text is no cursor of a list in this order."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row of a page that the next page follows, by its values in the columns of the order; or precedes."""

    order: tuple[str, ...]
    values: tuple[Any, ...]
    is_backwards: bool = False

    @classmethod
    def at(cls, row: Any, order: Sequence[str], *, is_backwards: bool = False) -> Self:
        return cls(tuple(order), tuple(getattr(row, column.removeprefix("-")) for column in order), is_backwards)

    def __str__(self) -> str:
        plain = [value.isoformat() if isinstance(value, datetime) else value for value in self.values]
        text = json.dumps([",".join(self.order), plain, self.is_backwards], default=str)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, order: Sequence[str]) -> Self:
        """Raises NoCursor."""
        try:
            decoded = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            named, values, is_backwards = decoded
            if named != ",".join(order) or len(values) != len(order) or not isinstance(is_backwards, bool):
                raise NoCursor(text)
            return cls(tuple(order), tuple(map(_read, order, values)), is_backwards)
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise NoCursor(text) from error

    def rows(self, rows: QuerySet[Any], number: int) -> list[Any]:
        """Returns so many of the rows that follow, or the nearest that precede; in either case in their order."""
        parts = in_parts(rows)
        here = len(parts) - 1 if self.values[0] is None else 0
        found: list[Any] = []
        for place in range(here, -1, -1) if self.is_backwards else range(here, len(parts)):
            part = parts[place].filter(self._beyond()) if place == here else parts[place]
            part = part.reverse() if self.is_backwards else part
            found += part[: number - len(found)]
            if len(found) == number:
                break
        return found[::-1] if self.is_backwards else found

    def _beyond(self) -> Q:
        found, equal = Q(), Q()
        skipped = 1 if self.values[0] is None else 0  # among those that have not ended, the rest decides
        order, values = self.order[skipped:], self.values[skipped:]
        for named, value in zip(order, values, strict=True):
            column = named.removeprefix("-")
            found |= equal & _after(column, value, is_falling=named.startswith("-") != self.is_backwards)
            equal &= Q((f"{column}__isnull", True)) if value is None else _at(column, "exact", value)
        if not values or values[0] is None:
            return found
        # It says nothing more, but is a condition that an index answers.
        falls = order[0].startswith("-") != self.is_backwards
        return _at(order[0].removeprefix("-"), "lte" if falls else "gte", values[0]) & found


def _after(column: str, value: Any, *, is_falling: bool) -> Q:
    # PostgreSQL takes null for the largest, SQLite for the smallest.
    null_is_last = is_falling != database.is_postgresql()
    if value is None:
        return Q(pk__in=[]) if null_is_last else Q((f"{column}__isnull", False))
    beyond = _at(column, "lt" if is_falling else "gt", value)
    return beyond | Q((f"{column}__isnull", True)) if null_is_last and column in _NULLABLE else beyond


def _at(column: str, lookup: str, value: Any) -> Q:
    return moments.at(column, lookup, value) if isinstance(value, datetime) else Q((f"{column}__{lookup}", value))


def _read(named: str, value: Any) -> Any:
    column = named.removeprefix("-")
    if value is None and column in _NULLABLE:
        return None
    if column == "id":
        return uuid.UUID(value)
    return _number(value) if column == "priority" else _time(value)


def _number(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= 9:
        raise ValueError(value)
    return value


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment
