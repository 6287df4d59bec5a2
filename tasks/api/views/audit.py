"""The audit trail: who changed what, through which door, why, and how it was before."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tasks import audit_trail
from tasks.api import access_shapes
from tasks.api.access_answers import AuditEntryShape
from tasks.api.answers import Page
from tasks.api.filters import A_TIME, PAGING, described, words_of
from tasks.api.pagination import CappedPagination
from tasks.api.permissions import ModelPermissions, may_see_payload
from tasks.api.query import KnowsItsQuery
from tasks.exceptions import InvalidSubmission
from tasks.models import AuditEntry
from tasks.searching.messages import Wrong, quoted
from tasks.searching.quantities import read_time
from tasks.states import Door

_DESCRIBED = {
    "actor": "A user name",
    "verb": "Such as retry, cancel, pause",
    "kind": "Such as task, queue, user",
    "target": "Id or name, where one was changed",
    "door": f"One or several with commas of {', '.join(Door.values)}",
    "after": "A time in ISO 8601",
    "before": "A time in ISO 8601",
}


class AuditFilter(BaseFilterBackend):
    """Takes these parameters and no other."""

    def filter_queryset(self, request: Request, queryset: "QuerySet[Any]", view: Any) -> "QuerySet[Any]":
        errors: list[dict[str, str]] = []
        for name, value in request.query_params.dict().items():
            if name in PAGING or not value:
                continue
            try:
                queryset = _narrowed(queryset, name, str(value))
            except Wrong as error:
                errors.append(error.of(name))
        if errors:
            raise InvalidSubmission(errors)
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        schemas = {"door": words_of(Door.values), "after": A_TIME, "before": A_TIME}
        return [described(name, words, schemas.get(name, {"type": "string"})) for name, words in _DESCRIBED.items()]


def _narrowed(rows: "QuerySet[Any]", name: str, value: str) -> "QuerySet[Any]":
    """Raises Wrong."""
    if name not in _DESCRIBED:
        raise Wrong("unknown_parameter", f"there is no such parameter; there are {', '.join(_DESCRIBED)}")
    if name in ("after", "before"):
        begin, _ = read_time(value)
        return rows.filter(at__gte=begin) if name == "after" else rows.filter(at__lt=begin)
    if name == "door":
        words = [word.strip().lower() for word in value.split(",")]
        if wrong := [word for word in words if word not in Door.values]:
            raise Wrong("unknown_value", f"{quoted(wrong[0])} is not one of {', '.join(Door.values)}")
        return rows.filter(door__in=words)
    if "\x00" in value:  # which no row holds, and PostgreSQL does not take
        return rows.none()
    return rows.filter(**{"actor_name" if name == "actor" else name: value})


class AuditViewSet(KnowsItsQuery, GenericViewSet):  # type: ignore[type-arg]  # none when it runs
    queryset = AuditEntry.objects.all()
    permission_classes = [ModelPermissions]
    pagination_class = CappedPagination
    filter_backends = [AuditFilter]

    def get_queryset(self) -> "QuerySet[AuditEntry]":
        return audit_trail.entries()

    @extend_schema(
        summary="Read the audit trail",
        description="The newest first. For operators and administrators.",
        responses={200: Page[AuditEntryShape]},
    )
    def list(self, request: Request) -> Response:
        page: list[Any] = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        seen = may_see_payload(request.user)
        return self.get_paginated_response([access_shapes.audit_shape(entry, with_payload=seen) for entry in page])
