"""Pages of ordered rows that cost little whatever the table holds: counts stop at a cap, and few rows are read once."""

from collections.abc import Callable
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.sql.where import WhereNode

from tasks import database, selectors

FEW = 1_000


class Pages:
    """The pages of a queryset that has an order.

    To find the newest of a few rows, a database likes to go through all rows in that order; and to count them costs as
    much again. So the keys of the first FEW matching rows are read in no order: where that is all of them, they are
    sorted here, and the rest is found by key. Where there are more, the newest are not far.
    """

    def __init__(self, rows: QuerySet[Any]) -> None:
        self.rows = rows

    @cached_property
    def capped_count(self) -> tuple[int, bool]:
        """The number of rows, counted no further than the cap of `selectors.capped_count`, and whether that cut it."""
        return selectors.capped_count(self.rows) if self._few is None else (len(self._few), False)

    @property
    def is_few(self) -> bool:
        """Whether the keys of all rows are known; those that change meanwhile stay among them."""
        return self._few is not None

    def between(self, start: int, stop: int) -> list[Any]:
        if self._few is None:
            return list(self.rows[start:stop])
        rows = self.rows.all()
        rows.query.where = WhereNode()  # what they matched is known: by anything but its key, a row may be far
        return list(rows.filter(pk__in=self._few[start:stop]))

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
        return [key[0] for key in keys]


def _by(place: int) -> Callable[[tuple[Any, ...]], tuple[bool, Any]]:
    """Returns the key to sort by one column. What is null comes where the database has it."""
    null_is_last = database.is_postgresql()

    def key(row: tuple[Any, ...]) -> tuple[bool, Any]:
        value = row[place]
        is_after = (value is None) == null_is_last
        return is_after, 0 if value is None else (value.int if isinstance(value, UUID) else value)

    return key
