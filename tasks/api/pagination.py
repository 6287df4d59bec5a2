"""Pages of lists, with counts that stop at a cap."""

from typing import Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from tasks import selectors

DEFAULT_LIMIT, LARGEST_LIMIT, LAST_ROW = 50, 500, 100_000


class CappedPagination(BasePagination):
    """`page` and `limit`. Counting ends at COUNT_CAP rows, and pages end at LAST_ROW: further back, filter by time."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self._request = request
        self._page = _number(request, "page", 1, most=LAST_ROW)
        self._limit = _number(request, "limit", DEFAULT_LIMIT, most=LARGEST_LIMIT)
        start = (self._page - 1) * self._limit
        if start >= LAST_ROW:
            raise NotFound(f"pages end after {LAST_ROW:,} rows: narrow the list with created_before")
        self._count, self._capped = selectors.capped_count(queryset)
        rows = list(queryset[start : start + self._limit + 1])
        if not rows and self._page > 1:
            raise NotFound(f"there is no page {self._page}")
        self._has_more = len(rows) > self._limit
        return rows[: self._limit]

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "count": self._count,
                "count_is_capped": self._capped,
                "next": self._link(self._page + 1) if self._has_more else None,
                "previous": self._link(self._page - 1) if self._page > 1 else None,
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
