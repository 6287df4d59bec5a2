"""Groups of dead letters: looked at, judged, reprocessed, discarded."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import database, failure_overviews, services
from tasks.api import bodies
from tasks.api.answers import ConflictShape, Page
from tasks.api.bulk_answers import BulkActionShape
from tasks.api.confirming import discard_confirmed, options_of, reprocess_confirmed
from tasks.api.dead_letter_answers import GroupShape, MatchedShape
from tasks.api.describing import example
from tasks.api.failure_shapes import group_shape
from tasks.api.group_filters import GroupFilter
from tasks.api.pagination import CappedPagination
from tasks.api.permissions import GroupPermissions
from tasks.api.views.chunked import ReadsChunked
from tasks.exceptions import GroupMissing
from tasks.models import FailureGroup

_SEEN = (
    "`seen` is the `total` that the caller has looked at: where more have died by now, nothing is done and the answer "
    "is 409. So it is where the group is in another state than the verb may start from."
)
_CONFIRMED = "`confirm_count` is the group's `count`: where that is another by now, nothing is done: 409."


class FailureGroupViewSet(ReadsChunked):
    queryset = FailureGroup.objects.all()
    lookup_field = "fingerprint"
    permission_classes = [GroupPermissions]
    pagination_class = CappedPagination
    filter_backends = [GroupFilter]

    def get_queryset(self) -> QuerySet[Any]:
        return failure_overviews.groups().order_by("-open_count", "fingerprint")

    def answer(self, fingerprint: str) -> Response:
        group = self.get_queryset().filter(pk=fingerprint).first()
        if group is None:
            raise GroupMissing(fingerprint)
        sample = failure_overviews.samples_of([group]).get(fingerprint)
        return Response(group_shape(group, sample, now=database.now()))

    @extend_schema(summary="List the groups of what failed in the same way", responses={200: Page[GroupShape]})
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        samples, now = failure_overviews.samples_of(page), database.now()
        return self.get_paginated_response([group_shape(row, samples.get(row.pk), now=now) for row in page])

    @extend_schema(summary="Look at a group", responses={200: GroupShape})
    def retrieve(self, request: Request, fingerprint: str) -> Response:
        return self.answer(fingerprint)

    @extend_schema(
        summary="Take a group for mended",
        description=f"Its dead letters stay as they are. It opens by itself when another one dies like that. {_SEEN}",
        request=bodies.Judged,
        responses={200: GroupShape, 409: ConflictShape},
        examples=[example("Mended", {"reason": "fixed in release 2.4", "seen": 17})],
    )
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, fingerprint: str) -> Response:
        body = bodies.read(bodies.Judged, bodies.an_object(request))
        services.resolve_group(fingerprint, actor=request.user, reason=body.reason, seen=body.seen)
        return self.answer(fingerprint)

    @extend_schema(
        summary="Ignore a group",
        description=f"It is counted on, and stays ignored until it is reopened. The reason is needed. {_SEEN}",
        request=bodies.JudgedWithReason,
        responses={200: GroupShape, 409: ConflictShape},
        examples=[example("Known", {"reason": "the partner's sandbox is closed at night"})],
    )
    @action(detail=True, methods=["post"])
    def ignore(self, request: Request, fingerprint: str) -> Response:
        body = bodies.read(bodies.Judged, bodies.an_object(request))
        services.ignore_group(fingerprint, actor=request.user, reason=body.reason, seen=body.seen)
        return self.answer(fingerprint)

    @extend_schema(
        summary="Open a group again",
        description=_SEEN,
        request=bodies.Judged,
        responses={200: GroupShape, 409: ConflictShape},
        examples=[example("Not mended after all", {"reason": "it is not mended"})],
    )
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, fingerprint: str) -> Response:
        body = bodies.read(bodies.Judged, bodies.an_object(request))
        services.reopen_group(fingerprint, actor=request.user, reason=body.reason, seen=body.seen)
        return self.answer(fingerprint)

    @extend_schema(
        summary="Reprocess the open dead letters of a group",
        description=_CONFIRMED,
        request=bodies.OfGroupRetried,
        responses={200: MatchedShape, 202: BulkActionShape, 409: ConflictShape},
        examples=[example("All 17, over ten minutes", {"confirm_count": 17, "spread": 600.0})],
    )
    @action(detail=True, methods=["post"])
    def reprocess(self, request: Request, fingerprint: str) -> Response:
        body = bodies.read(bodies.OfGroupRetried, bodies.an_object(request))
        self.answer(fingerprint)
        options = options_of(body, request.user)
        return reprocess_confirmed({"fingerprint": fingerprint}, None, body.confirm_count, options)

    @extend_schema(
        summary="Discard the open dead letters of a group",
        description=f"The reason is needed. {_CONFIRMED}",
        request=bodies.OfGroupJustified,
        responses={200: MatchedShape, 202: BulkActionShape, 409: ConflictShape},
        examples=[example("All 17", {"confirm_count": 17, "reason": "the orders were cancelled"})],
    )
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, fingerprint: str) -> Response:
        body = bodies.read(bodies.OfGroup, bodies.an_object(request))
        self.answer(fingerprint)
        return discard_confirmed({"fingerprint": fingerprint}, None, body.confirm_count, request.user, body.reason)
