"""Dead letters: looked at, counted, reprocessed, discarded."""

import uuid
from typing import Any

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import failure_overviews, services
from tasks.api import bodies, shapes
from tasks.api.answers import ConflictShape, SearchedPage
from tasks.api.bulk_answers import BulkActionShape
from tasks.api.confirming import discard_confirmed, matching, options_of, reprocess_confirmed
from tasks.api.dead_letter_answers import DeadLetterShape, DeadLetterStatsShape, MatchedShape, PreviewShape
from tasks.api.describing import example
from tasks.api.failure_shapes import preview_shape
from tasks.api.filters import SelectionFilter, resolutions_of, schema_of
from tasks.api.pagination import CappedPagination, CursorPagination
from tasks.api.permissions import ModelPermissions, VerbPermissions, check_may_change_payload, may_see_payload
from tasks.api.views.chunked import ReadsChunked
from tasks.exceptions import IllegalTransition, InvalidSubmission
from tasks.models import DeadLetter
from tasks.searching import DEAD_LETTERS

_GROUP = {"fingerprint": "0f1e2d3c4b5a6978"}
_BY_FILTER = (
    "The filter is in the body or in the address, so that the address of the list can be used. `confirm_count` is how "
    "many are expected to match: where those are more or fewer by now, nothing is done and the answer is 409. More "
    "than BULK_LIMIT (10,000) become a bulk action: the answer is 202 with that, and the coordinator works it off."
)
_FILTERS = [
    OpenApiParameter(name, schema_of(name), description="As in the list")
    for name in (*sorted(bodies.Matching.model_fields.keys() - {"ids"}), "open")
]
_FILTERS.append(OpenApiParameter("confirm_count", {"type": "integer", "minimum": 0}, description="As in the body"))


class DeadLetterView(ReadsChunked):
    queryset = DeadLetter.objects.select_related("resolved_by").order_by("-created_at", "-id")
    pagination_class = CappedPagination

    def letter(self, pk: uuid.UUID) -> DeadLetter:
        letter: DeadLetter | None = self.get_queryset().filter(id=pk).first()
        if letter is None:
            raise Http404
        return letter

    def shape(self, letter: DeadLetter) -> DeadLetterShape:
        return shapes.dead_letter_shape(letter, with_payload=may_see_payload(self.request.user))


class DeadLetterViewSet(DeadLetterView):
    permission_classes = [ModelPermissions]
    filter_backends = [SelectionFilter]
    selects = DEAD_LETTERS
    orders = ("created_at",)

    @property
    def pagination_class(self) -> type[CappedPagination]:  # type: ignore[override]  # DRF reads it of the instance
        return CursorPagination if self.action == "list" else CappedPagination

    @extend_schema(summary="List dead letters", responses={200: SearchedPage[DeadLetterShape]})
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([self.shape(row) for row in page])

    @extend_schema(summary="Look at a dead letter", responses={200: DeadLetterShape})
    def retrieve(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(self.shape(self.letter(pk)))

    @extend_schema(summary="Count dead letters", responses={200: DeadLetterStatsShape})
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        return Response(failure_overviews.dead_letter_stats())


class DeadLetterVerbs(DeadLetterView):
    permission_classes = [VerbPermissions]

    @extend_schema(
        summary="Reprocess a dead letter",
        description="Its task is retried with the same id, if wanted with a merge patch (RFC 7396) to its payload.",
        request=bodies.Retried,
        responses={200: DeadLetterShape, 409: ConflictShape},
        examples=[example("With another address", {"payload": {"url": "https://example.com/v2"}})],
    )
    @action(detail=True, methods=["post"])
    def reprocess(self, request: Request, pk: uuid.UUID) -> Response:
        letter = self.letter(pk)
        _check_open(letter, "reprocessed")
        body = bodies.read(bodies.Retried, bodies.an_object(request))
        options = options_of(body, request.user, letter.task)
        with bodies.of_one(letter.task_id):
            report = services.reprocess_dead_letters(DeadLetter.objects.filter(id=pk), **options)
        report.of_one("reprocessed")
        return Response(self.shape(self.letter(pk)))

    @extend_schema(
        summary="Discard a dead letter",
        request=bodies.Justified,
        responses={200: DeadLetterShape, 409: ConflictShape},
        examples=[example("Discard", {"reason": "the order was cancelled"})],
    )
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: uuid.UUID) -> Response:
        letter = self.letter(pk)
        body = bodies.read(bodies.Justified, bodies.an_object(request))
        letters = DeadLetter.objects.filter(id=pk)
        services.discard_dead_letters(letters, actor=request.user, reason=body.reason).of_one("discarded")
        return Response(self.shape(self.letter(letter.id)))

    @extend_schema(
        summary="Reprocess everything that a filter matches",
        description=_BY_FILTER,
        parameters=_FILTERS,
        request=bodies.FilteredRetried,
        responses={200: MatchedShape, 202: BulkActionShape, 409: ConflictShape},
        examples=[
            example("Two timeouts, within a minute", {"category": "timeout", "confirm_count": 2, "spread": 60.0})
        ],
    )
    @action(detail=False, methods=["post"])
    def reprocess_matching(self, request: Request) -> Response:
        body = bodies.read(bodies.FilteredRetried, self._with_query())
        return reprocess_confirmed(body.filters(), body.ids, body.confirm_count, options_of(body, request.user))

    @extend_schema(
        summary="Look at what a reprocess would do",
        description="Nothing is changed: it says which payloads would become what, and which would be refused.",
        parameters=_FILTERS[:-1],
        request=bodies.Previewed,
        responses={200: PreviewShape},
        examples=[example("A new address for a group", _GROUP | {"payload": {"url": "https://example.com/v2"}})],
    )
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        body = bodies.read(bodies.Previewed, self._with_query())
        patch = body.payload
        if patch is not None:
            check_may_change_payload(request.user)
            patch = services.with_secrets(patch, {})
        preview = services.preview_reprocess(matching(body.filters(), body.ids, request.user), patch=patch)
        return Response(preview_shape(preview, with_payload=may_see_payload(request.user)))

    @extend_schema(
        summary="Discard everything that a filter matches",
        description=_BY_FILTER,
        parameters=_FILTERS,
        request=bodies.FilteredJustified,
        responses={200: MatchedShape, 202: BulkActionShape, 409: ConflictShape},
        examples=[example("A group", {"fingerprint": "0f1e2d3c4b5a6978", "confirm_count": 17, "reason": "known"})],
    )
    @action(detail=False, methods=["post"])
    def discard_matching(self, request: Request) -> Response:
        body = bodies.read(bodies.Filtered, self._with_query())
        return discard_confirmed(body.filters(), body.ids, body.confirm_count, request.user, body.reason)

    def _with_query(self) -> dict[str, Any]:
        """Returns the body with the filters of the address, so that the list's own address can be used."""
        given = bodies.an_object(self.request)
        query: dict[str, Any] = self.request.query_params.dict()
        resolutions_of(query.pop("open", ""))  # is read, and changes nothing: what is open is all that is touched
        twice = [name for name in query if name in given]
        if twice:
            errors = [{"code": "given_twice", "detail": "it is in the address as well", "attr": name} for name in twice]
            raise InvalidSubmission(errors)
        count = query.get("confirm_count", "")
        return {**query, **({"confirm_count": int(count)} if count.isascii() and count.isdigit() else {}), **given}


def _check_open(letter: DeadLetter, verb: str) -> None:
    if letter.resolution:
        raise IllegalTransition(verb, letter.resolution, "it is resolved already", noun="dead letter")
