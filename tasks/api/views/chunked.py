"""Requests whose bodies come in chunks."""

from typing import Any

from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from tasks.api.query import KnowsItsQuery


class ReadsChunked(KnowsItsQuery, GenericViewSet):  # type: ignore[type-arg]  # of any model
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            # Sent in chunks it names no length, and DRF would take it for empty.
            request.META["CONTENT_LENGTH"] = str(len(request.body))
