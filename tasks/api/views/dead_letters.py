"""Dead letters: looked at, grouped by what went wrong, reprocessed, discarded."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import overviews, services
from tasks.api import bodies, shapes
from tasks.api.answers import (
    ConflictShape,
    DeadLetterShape,
    DeadLetterStatsShape,
    GroupShape,
    MatchedShape,
    Page,
)
from tasks.api.describing import example
from tasks.api.errors import Conflict
from tasks.api.filters import SelectionFilter
from tasks.api.pagination import CappedPagination, CursorPagination
from tasks.api.permissions import ModelPermissions, VerbPermissions, check_may_change_payload, may_see_payload
from tasks.api.views.chunked import ReadsChunked
from tasks.exceptions import IllegalTransition, InvalidSubmission
from tasks.models import DeadLetter, Task
from tasks.searching import DEAD_LETTERS, Selection
from tasks.services import Report

SKIPPED_SHOWN = 1_000
AT_ONCE = 5_000

_BY_FILTER = (
    "The filter is in the body or in the address, so that the address of the list can be used. `confirm_count` is how "
    "many are expected to match: where those are more or fewer by now, nothing is done and the answer is 409."
)
_FILTERS = [
    OpenApiParameter(name, str, description="As in the list")
    for name in ("type", "queue", "fingerprint", "category", "created_after", "created_before", "confirm_count")
]


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

    @extend_schema(summary="List dead letters", responses={200: Page[DeadLetterShape]})
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([self.shape(row) for row in page])

    @extend_schema(summary="Look at a dead letter", responses={200: DeadLetterShape})
    def retrieve(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(self.shape(self.letter(pk)))

    @extend_schema(summary="Group open dead letters by what failed", responses={200: Page[GroupShape]})
    @action(detail=False)
    def groups(self, request: Request) -> Response:
        """Takes the filters of the list; only what is open is grouped."""
        letters = self.filter_queryset(DeadLetter.objects.all())
        page = self.paginate_queryset(overviews.groups_of(letters)) or []
        groups = overviews.with_samples(page, letters)
        return self.get_paginated_response([shapes.group_shape(group) for group in groups])

    @extend_schema(summary="Count dead letters", responses={200: DeadLetterStatsShape})
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        return Response(overviews.dead_letter_stats())


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
        options = self._options(body, letter.task)
        with bodies.of_one(letter.task_id):
            report = services.reprocess_dead_letters(DeadLetter.objects.filter(id=pk), **options)
        report.of_one("reprocessed")
        return Response(self.shape(self.letter(pk)))

    @extend_schema(
        summary="Discard a dead letter",
        request=bodies.Reasoned,
        responses={200: DeadLetterShape, 409: ConflictShape},
        examples=[example("Discard", {"reason": "the order was cancelled"})],
    )
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: uuid.UUID) -> Response:
        letter = self.letter(pk)
        body = bodies.read(bodies.Reasoned, bodies.an_object(request))
        letters = DeadLetter.objects.filter(id=pk)
        services.discard_dead_letters(letters, actor=request.user, reason=body.reason).of_one("discarded")
        return Response(self.shape(self.letter(letter.id)))

    @extend_schema(
        summary="Reprocess everything that a filter matches",
        description=_BY_FILTER,
        parameters=_FILTERS,
        request=bodies.FilteredRetried,
        responses={200: MatchedShape, 409: ConflictShape},
        examples=[
            example("Two timeouts, within a minute", {"category": "timeout", "confirm_count": 2, "spread": 60.0})
        ],
    )
    @action(detail=False, methods=["post"])
    def reprocess_matching(self, request: Request) -> Response:
        body = bodies.read(bodies.FilteredRetried, self._with_query())
        options, whole = self._options(body), Report()
        for letters in _confirmed(body, self.request.user):
            report = services.reprocess_dead_letters(letters, **options)
            whole.done += report.done
            whole.skipped |= report.skipped
        skipped = shapes.skipped_shape(whole, SKIPPED_SHOWN)
        return Response({"count": len(whole.done), "skipped_count": len(whole.skipped), "skipped": skipped})

    @extend_schema(
        summary="Discard everything that a filter matches",
        description=_BY_FILTER,
        parameters=_FILTERS,
        request=bodies.Filtered,
        responses={200: MatchedShape, 409: ConflictShape},
        examples=[example("A group", {"fingerprint": "0f1e2d3c4b5a6978", "confirm_count": 17, "reason": "known"})],
    )
    @action(detail=False, methods=["post"])
    def discard_matching(self, request: Request) -> Response:
        body = bodies.read(bodies.Filtered, self._with_query())
        count = sum(
            len(services.discard_dead_letters(letters, actor=request.user, reason=body.reason).done)
            for letters in _confirmed(body, self.request.user)
        )
        return Response({"count": count, "skipped_count": body.confirm_count - count, "skipped": []})

    def _options(self, body: bodies.Retried, task: Task | None = None) -> dict[str, Any]:
        patch = body.payload
        if patch is not None:
            check_may_change_payload(self.request.user)
            patch = services.with_secrets(patch, task.payload if task else {})
        return {"actor": self.request.user, "reason": body.reason, "spread": body.spread, "patch": patch}

    def _with_query(self) -> dict[str, Any]:
        """Returns the body with the filters of the address, so that the list's own address can be used."""
        given = bodies.an_object(self.request)
        query: dict[str, Any] = self.request.query_params.dict()
        query.pop("open", None)  # nothing else is touched
        twice = [name for name in query if name in given]
        if twice:
            errors = [{"code": "given_twice", "detail": "it is in the address as well", "attr": name} for name in twice]
            raise InvalidSubmission(errors)
        count = query.get("confirm_count", "")
        return {**query, **({"confirm_count": int(count)} if count.isascii() and count.isdigit() else {}), **given}


def _check_open(letter: DeadLetter, verb: str) -> None:
    if letter.resolution:
        raise IllegalTransition(verb, letter.resolution, "it is resolved already")


def _confirmed(body: bodies.Filtered, user: Any) -> list[QuerySet[DeadLetter]]:
    """Returns the open dead letters that the filter matches, AT_ONCE in each set, by id: nothing dies into them.

    Raises Conflict where those are not as many as confirmed.
    """
    matching = Selection(DEAD_LETTERS, filters=body.filters()).within(DeadLetter.objects.filter(resolution=""), user)
    ids = list(matching.values_list("id", flat=True))
    if len(ids) != body.confirm_count:
        detail = f"confirm_count: the filter matches {len(ids):,} open dead letters, not {body.confirm_count:,}"
        raise Conflict(detail, "count_differs", {"count": len(ids)})
    parts = (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))
    return [DeadLetter.objects.filter(id__in=part) for part in parts]
