"""What is exported, in batches: each by the key of the last row before it, so that no query and no batch is long.

Nothing that is submitted meanwhile comes before the first row, and so no export is endless.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from tasks import selectors
from tasks.api import shapes
from tasks.api.cursors import Cursor
from tasks.exporting.columns import Shape
from tasks.models import DeadLetter
from tasks.paging import Pages
from tasks.searching import DEAD_LETTERS, Kind, Selection

FIRST, LARGEST = 50, 500  # rows of a batch
AIM = 1_000_000  # characters of a batch, as far as one can tell by the batch before it

_UNSHOWN = ("idempotency_key", "idempotency_hash", "incarnation", "compensation")


def selected(selection: Selection, actor: Any, *, with_payload: bool) -> QuerySet[Any]:
    """Returns the rows, the newest first. Raises InvalidSearch."""
    rows: QuerySet[Any]
    if selection.kind == DEAD_LETTERS:
        rows = DeadLetter.objects.select_related("resolved_by").defer("body", "x_death")
        rows = rows if with_payload else rows.defer("traceback")
    else:
        rows = selectors.tasks().defer(*_UNSHOWN, *([] if with_payload else ["payload"]))
    return selection.within(rows, actor).order_by(*selection.order)


class Batches:
    """The shapes of the rows. Who writes them tells how large that was, and the next batch is larger or smaller."""

    def __init__(self, kind: Kind, rows: QuerySet[Any], *, with_payload: bool) -> None:
        self._kind, self._rows, self._with_payload = kind, rows, with_payload
        self._number = FIRST

    def __iter__(self) -> Iterator[Sequence[Shape]]:
        pages = Pages(self._rows)
        if pages.is_few:  # the database would look for the last of them behind everything else
            start, (count, _) = 0, pages.capped_count
            while start < count:
                stop = start + self._number
                if rows := pages.between(start, stop):
                    yield self._shapes(rows)
                start = stop
            return
        rows = list(self._rows[: self._number])
        while rows:
            order = [str(column) for column in self._rows.query.order_by]
            last = Cursor.at(rows[-1], order)
            yield self._shapes(rows)
            rows = last.rows(self._rows, self._number)

    def was_written(self, number: int, characters: int) -> None:
        """Notes that a batch of so many rows became so many characters."""
        fitting = AIM * number // max(1, characters)
        self._number = max(1, min(LARGEST, 4 * number, fitting))

    def _shapes(self, rows: Sequence[Any]) -> Sequence[Shape]:
        if self._kind == DEAD_LETTERS:
            return [shapes.dead_letter_shape(row, with_payload=self._with_payload) for row in rows]
        return shapes.task_shapes(rows, with_payload=self._with_payload)
