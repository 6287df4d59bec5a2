"""Bulk actions: counted by a dry run, started, looked at, paused, resumed, aborted."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import services
from tasks.api import bodies
from tasks.api.answers import ConflictShape, Page
from tasks.api.bulk_answers import (
    BulkActionShape,
    BulkItemShape,
    BulkPreviewShape,
    action_shape,
    item_shape,
    preview_shape,
)
from tasks.api.bulk_bodies import BulkAsked
from tasks.api.describing import IDEMPOTENCY_KEY, example
from tasks.api.filters import words_of
from tasks.api.pagination import CappedPagination
from tasks.api.permissions import ModelPermissions, may_see_payload
from tasks.api.views.chunked import ReadsChunked
from tasks.exceptions import InvalidSubmission
from tasks.models import BulkAction
from tasks.services.bulk_actions import check_token, may_use, read_verb
from tasks.states import BulkStatus, BulkVerb, ItemState


class MaySomeVerb(BasePermission):
    """Which verb it is, the service looks at; who may use none learns nothing here."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        return user.is_authenticated and any(may_use(user, verb) for verb in BulkVerb)


class BulkActionViewSet(ReadsChunked):
    queryset = BulkAction.objects.select_related("actor").order_by("-created_at", "-id")
    pagination_class = CappedPagination

    def get_permissions(self) -> list[Any]:
        return [ModelPermissions()] if self.request.method in ("GET", "HEAD") else [MaySomeVerb()]

    @extend_schema(
        summary="List bulk actions",
        parameters=[
            OpenApiParameter("status", words_of(BulkStatus.values), description="One or several with commas"),
            OpenApiParameter("verb", words_of(BulkVerb.values), description="One or several with commas"),
        ],
        responses={200: Page[BulkActionShape]},
    )
    def list(self, request: Request) -> Response:
        rows = _filtered(self.get_queryset(), request, "status", BulkStatus.values)
        rows = _filtered(rows, request, "verb", BulkVerb.values)
        return self.get_paginated_response([self._shape(row) for row in self.paginate_queryset(rows) or []])

    @extend_schema(
        summary="Start a bulk action, or count what it would touch",
        description="With `dry_run` it only counts. To start it, send the `count` of that as `expected_count`: where "
        "the number has changed by more than a little since, nothing is started and the answer is 409 with the new "
        "`count`. The coordinator does it in batches; a reprocess is guarded unless told otherwise: it tries a few "
        "first, and stops by itself where too many of them fail.",
        parameters=[IDEMPOTENCY_KEY],
        request=BulkAsked,
        responses={
            200: BulkPreviewShape | BulkActionShape,
            201: BulkActionShape,
            409: ConflictShape,
        },
        examples=[
            example("Count", {"verb": "cancel", "selection": {"q": "type:http_request"}, "dry_run": True}),
            example(
                "Reprocess, guarded",
                {
                    "verb": "reprocess",
                    "selection": {"filters": {"category": "timeout", "resolution": "open"}},
                    "reason": "the shop is up again",
                    "guard": {"canary": 20, "failure_share": 0.1},
                    "expected_count": 1200,
                },
            ),
        ],
    )
    def create(self, request: Request) -> Response:
        body = bodies.read(BulkAsked, bodies.an_object(request))
        verb, selection = read_verb(body.verb), body.selected()
        token = request.headers.get("Idempotency-Key")
        check_token(token)
        if body.dry_run:
            preview = services.preview_bulk_action(verb=verb, selection=selection, actor=request.user)
            return Response(preview_shape(preview, selection.in_words()))
        if body.expected_count is None:
            detail = "send the count of a dry run, so that nothing else is touched than you have seen"
            raise InvalidSubmission([{"code": "required", "detail": detail, "attr": "expected_count"}])
        if body.unguarded and body.guard is not None:
            detail = "there is a guard as well: send one of the two"
            raise InvalidSubmission([{"code": "unexpected", "detail": detail, "attr": "unguarded"}])
        action = services.start_bulk_action(
            verb=verb,
            selection=selection,
            actor=request.user,
            reason=body.reason,
            options=body.options.model_dump(exclude_defaults=True),
            guard=body.wanted_guard(),
            expected_count=body.expected_count,
            token=token,
        )
        return Response(self._shape(action), status=status.HTTP_201_CREATED if action.is_new else status.HTTP_200_OK)

    @extend_schema(summary="Look at a bulk action", responses={200: BulkActionShape})
    def retrieve(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(self._shape(self._action(pk)))

    @extend_schema(
        summary="List what became of each item",
        parameters=[OpenApiParameter("state", words_of(ItemState.values), description="One or several with commas")],
        responses={200: Page[BulkItemShape]},
    )
    def items(self, request: Request, pk: uuid.UUID) -> Response:
        rows = _filtered(self._action(pk).items.order_by("position"), request, "state", ItemState.values)
        return self.get_paginated_response([item_shape(row) for row in self.paginate_queryset(rows) or []])

    @extend_schema(
        summary="Pause a bulk action",
        description="After the batch that it is at.",
        request=bodies.Reasoned,
        responses={200: BulkActionShape, 409: ConflictShape},
    )
    def pause(self, request: Request, pk: uuid.UUID) -> Response:
        return self._steer(services.pause_bulk_action, pk)

    @extend_schema(
        summary="Resume a paused bulk action",
        request=bodies.Reasoned,
        responses={200: BulkActionShape, 409: ConflictShape},
    )
    def resume(self, request: Request, pk: uuid.UUID) -> Response:
        return self._steer(services.resume_bulk_action, pk)

    @extend_schema(
        summary="Abort a bulk action",
        description="After the batch that it is at. What it has done stays done; nothing else is touched.",
        request=bodies.Reasoned,
        responses={200: BulkActionShape, 409: ConflictShape},
    )
    def abort(self, request: Request, pk: uuid.UUID) -> Response:
        return self._steer(services.abort_bulk_action, pk)

    # --- Their parts -------------------------------------------------------------------------------------------------

    def _steer(self, service: Any, pk: uuid.UUID) -> Response:
        body = bodies.read(bodies.Reasoned, bodies.an_object(self.request))
        return Response(self._shape(service(pk, actor=self.request.user, reason=body.reason)))

    def _action(self, pk: uuid.UUID) -> BulkAction:
        action: BulkAction | None = self.get_queryset().filter(id=pk).first()
        if action is None:
            raise Http404
        return action

    def _shape(self, action: BulkAction) -> BulkActionShape:
        return action_shape(action, with_payload=may_see_payload(self.request.user))


def _filtered(rows: "QuerySet[Any]", request: Request, name: str, known: "list[Any]") -> "QuerySet[Any]":
    """Narrows rows by a parameter that is one word of these, or several with commas."""
    words = [word.strip().lower() for word in request.query_params.get(name, "").split(",") if word.strip()]
    for word in words:
        if word not in known:
            detail = f"{word[:40]!r} is not one of {', '.join(known)}"
            raise InvalidSubmission([{"code": "unknown_value", "detail": detail, "attr": name}])
    return rows.filter(**{f"{name}__in": words}) if words else rows
