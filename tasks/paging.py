"""Pages of ordered rows that cost little whatever the table holds: counts stop at a cap, and few rows are read once."""

from collections.abc import Callable
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.sql.where import WhereNode

from tasks import database, moments, selectors
from tasks.models import Task

FEW, MOST_SORTED = 1_000, 100_000
ENDS = "finished_at"
_WITHOUT_INDEX = ("priority", "run_at")


class Pages:
    """The pages of a queryset that has an order.

    To find the newest of a few rows, a database likes to go through all rows in that order; and to count them costs as
    much again. So the keys of the first FEW matching rows are read in no order: where that is all of them, they are
    sorted here, and the rest is found by key. Where there are more, the newest are not far.
    """

    def __init__(self, rows: QuerySet[Any], *, newest_suffice: bool = False) -> None:
        """With `newest_suffice`, of very many tasks in an order that no index has only the newest are put in order."""
        self.rows = rows
        self._newest_suffice = newest_suffice

    @cached_property
    def capped_count(self) -> tuple[int, bool]:
        """The number of rows, counted no further than the cap of `selectors.capped_count`, and whether that cut it."""
        return selectors.capped_count(self.rows) if self._few is None else (len(self._few), False)

    @property
    def is_few(self) -> bool:
        """Whether the keys of all rows are known; those that change meanwhile stay among them."""
        return self._few is not None

    @property
    def are_of_the_newest(self) -> bool:
        """Whether only the newest MOST_SORTED of the rows are on the pages."""
        return self._few is None and self._sorted is not self.rows

    def between(self, start: int, stop: int) -> list[Any]:
        if self._few is None:
            if self.are_of_the_newest:
                stop = min(stop, MOST_SORTED)  # some more may have the same time
            first, *others = in_parts(self._sorted)
            found = list(first[start:stop])
            for rest in others if len(found) < stop - start else ():
                before = start + len(found) if found or not start else first.order_by().count()
                found += list(rest[max(0, start - before) : max(0, stop - before)])
            return found
        rows = self.rows.all()
        rows.query.where = WhereNode()  # what they matched is known: by anything but its key, a row may be far
        keys = self._few[start:stop]
        by_key = {row.pk: row for row in rows.filter(pk__in=keys).order_by()}
        return [by_key[key] for key in keys if key in by_key]

    @cached_property
    def _sorted(self) -> QuerySet[Any]:
        first = str(next(iter(self.rows.query.order_by), "")).removeprefix("-")
        # All of them would be read and compared for each page.
        has_index = self.rows.model is not Task or first not in _WITHOUT_INDEX
        if not self._newest_suffice or has_index or not self.capped_count[1]:
            return self.rows
        if self.rows.order_by().values("created_at")[: MOST_SORTED + 1].count() <= MOST_SORTED:
            return self.rows
        times = self.rows.order_by("-created_at").values_list("created_at", flat=True)
        last = times[MOST_SORTED - 1 : MOST_SORTED].first()
        return self.rows.filter(moments.at("created_at", "gte", last)) if last else self.rows

    @cached_property
    def _few(self) -> list[Any] | None:
        """The keys of all rows in their order; None where that is not known to be little."""
        order = [str(column) for column in self.rows.query.order_by]
        if (
            not self.rows.query.where
            or not order
            or not all(isinstance(each, str) for each in self.rows.query.order_by)
        ):
            return None
        columns = [column.removeprefix("-") for column in order]
        keys = list(self.rows.order_by().values_list("pk", *columns)[: min(FEW, selectors.COUNT_CAP) + 1])
        if len(keys) > min(FEW, selectors.COUNT_CAP) or any(isinstance(each, str) for key in keys for each in key):
            return None  # texts are ordered by the database's own rules
        for place in reversed(range(len(columns))):
            keys.sort(key=_by(place + 1), reverse=order[place].startswith("-"))
        if columns[0] == ENDS:
            keys.sort(key=lambda key: key[1] is None)
        return [key[0] for key in keys]


def in_parts(rows: QuerySet[Any]) -> list[QuerySet[Any]]:
    """Returns the rows in parts, each in its order, one after the other.

    In the order of their end, those come last that have not ended, whichever way it goes: the index knows the others.
    """
    first, *others = map(str, rows.query.order_by or ("",))
    if first.removeprefix("-") != ENDS:
        return [rows]
    has_ended = Q((f"{ENDS}__isnull", False))
    return [rows.filter(has_ended), rows.filter(~has_ended).order_by(*others)]


def _by(place: int) -> Callable[[tuple[Any, ...]], tuple[bool, Any]]:
    """Returns the key to sort by one column. What is null comes where the database has it."""
    null_is_last = database.is_postgresql()

    def key(row: tuple[Any, ...]) -> tuple[bool, Any]:
        value = row[place]
        is_after = (value is None) == null_is_last
        return is_after, 0 if value is None else (value.int if isinstance(value, UUID) else value)

    return key
