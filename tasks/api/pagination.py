"""Pages of lists, with counts that stop at a cap."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from tasks.api.cursors import Cursor, NoCursor
from tasks.paging import MOST_SORTED, Pages

DEFAULT_LIMIT, LARGEST_LIMIT, LAST_ROW = 50, 500, 100_000


class CappedPagination(BasePagination):
    """`page` and `limit`. Counting ends at COUNT_CAP rows, and pages end at LAST_ROW: further back lead cursors."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self._request = request
        self._page = _number(request, "page", 1, most=LAST_ROW)
        self._limit = _number(request, "limit", DEFAULT_LIMIT, most=LARGEST_LIMIT)
        start = (self._page - 1) * self._limit
        if start >= LAST_ROW:
            raise NotFound(f"pages end after {LAST_ROW:,} rows: {self._further}")
        pages = Pages(queryset, newest_suffice=True)
        self._count, self._capped = pages.capped_count
        rows = pages.between(start, start + self._limit + 1)
        if pages.are_of_the_newest:
            self._say(f"Of what matches, the newest {MOST_SORTED:,} were put in this order; a cursor goes through all.")
        if not rows and self._page > 1:
            raise NotFound(f"there is no page {self._page}")
        has_more, rows = len(rows) > self._limit, rows[: self._limit]
        is_last = start + self._limit >= LAST_ROW
        self._next = (self._after(rows[-1]) if is_last else self._link(self._page + 1)) if has_more else None
        self._previous = self._link(self._page - 1) if self._page > 1 else None
        return rows

    _said: Mapping[str, Any] = {}  # what else the answer holds

    def _say(self, note: str) -> None:
        """Adds it to the notes of an answer that has any."""

    _further = "narrow the list with created_before"

    def _after(self, row: Any) -> str | None:
        """Returns where the list goes on behind its last page."""
        return None

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "count": self._count,
                "count_is_capped": self._capped,
                "next": self._next,
                "previous": self._previous,
                **self._said,
                "results": data,
            }
        )

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _described("page", "From 1 on", 1, LAST_ROW),
            _described("limit", "Rows of a page", DEFAULT_LIMIT, LARGEST_LIMIT),
        ]

    def _link(self, page: int) -> str:
        url = self._request.build_absolute_uri()
        return remove_query_param(url, "page") if page == 1 else replace_query_param(url, "page", page)


class CursorPagination(CappedPagination):
    """For lists of a `SelectionFilter`, of whose search the answer holds notes.

    Takes a `cursor` as well: each page then costs the same however deep it lies, and no row comes twice.

    An empty one begins; `next` and `previous` of the answer hold the others.
    """

    _further = "go on with cursor"

    def _say(self, note: str) -> None:
        self._said["notes"].append(note)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self._order = queryset.query.order_by
        self._said = {"notes": view.selection.notes_for(request.user)}
        text = request.query_params.get("cursor")
        if text is None:
            return super().paginate_queryset(queryset, request, view)
        self._request = request
        if "page" in request.query_params:
            raise ValidationError({"cursor": ["give a page or a cursor"]})
        self._limit = _number(request, "limit", DEFAULT_LIMIT, most=LARGEST_LIMIT)
        pages, cursor = Pages(queryset), self._cursor(text)
        self._count, self._capped = pages.capped_count
        rows = cursor.rows(queryset, self._limit + 1) if cursor else pages.between(0, self._limit + 1)
        return self._around(rows, cursor)

    def _cursor(self, text: str) -> Cursor | None:
        try:
            return Cursor.read(text, self._order) if text else None
        except NoCursor:
            raise ValidationError({"cursor": ["no list in this order gave such a cursor"]}) from None

    def _around(self, rows: list[Any], cursor: Cursor | None) -> list[Any]:
        has_more, is_backwards = len(rows) > self._limit, cursor is not None and cursor.is_backwards
        rows = rows[-self._limit :] if is_backwards else rows[: self._limit]
        # Whence it came, there is a page.
        before, after = (has_more, True) if is_backwards else (cursor is not None, has_more)
        self._previous = self._to(Cursor.at(rows[0], self._order, is_backwards=True)) if rows and before else None
        self._next = self._after(rows[-1]) if rows and after else None
        return rows

    def _after(self, row: Any) -> str | None:
        return self._to(Cursor.at(row, self._order))

    def _to(self, cursor: Cursor) -> str:
        return replace_query_param(
            remove_query_param(self._request.build_absolute_uri(), "page"), "cursor", str(cursor)
        )

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        words = "From `next` or `previous`; an empty one begins. Not together with `page`"
        cursor = {
            "name": "cursor",
            "in": "query",
            "required": False,
            "description": words,
            "schema": {"type": "string"},
        }
        return [*super().get_schema_operation_parameters(view), cursor]


def _described(name: str, words: str, default: int, most: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return {"name": name, "in": "query", "required": False, "description": words, "schema": schema}


def _number(request: Request, name: str, default: int, *, most: int) -> int:
    value = request.query_params.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 12) or not 1 <= int(value) <= most:
        raise ValidationError({name: [f"give a number from 1 to {most:,}"]})
    return int(value)
