"""Queues: what waits in them, pausing, limits."""

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import queue_figures, services
from tasks.api import bodies, queue_shapes
from tasks.api.answers import Page, RefusalShape
from tasks.api.describing import IF_MATCH, example, sends_etag
from tasks.api.pagination import CappedPagination
from tasks.api.permissions import VerbPermissions
from tasks.api.preconditions import etag, wanted_version
from tasks.api.queue_answers import QueueShape
from tasks.api.views.chunked import ReadsChunked
from tasks.models import Queue


class QueueViewSet(ReadsChunked):
    queryset = Queue.objects.all()
    permission_classes = [VerbPermissions]
    pagination_class = CappedPagination

    def get_queryset(self) -> QuerySet[Queue]:
        return Queue.objects.select_related("paused_by").order_by("name")

    @extend_schema(summary="List queues", responses={200: Page[QueueShape]})
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset()) or []
        figures = queue_figures.figures_of(page)
        return self.get_paginated_response([queue_shapes.queue_shape(queue, figures[queue.name]) for queue in page])

    @extend_schema(summary="Look at a queue", parameters=[sends_etag(200)], responses={200: QueueShape})
    def retrieve(self, request: Request, name: str) -> Response:
        queue = self.get_queryset().filter(name=name).first()
        if queue is None:
            raise Http404
        figures = queue_figures.figures_of([queue])[name]
        return Response(queue_shapes.queue_shape(queue, figures), headers=etag(queue))

    @extend_schema(
        summary="Limit a queue",
        description="In force across all workers; null is no limit.",
        parameters=[IF_MATCH, sends_etag(200)],
        request=bodies.Limits,
        responses={200: QueueShape, 412: RefusalShape},
        examples=[example("Five a second", {"rate_limit": 5.0})],
    )
    def limit(self, request: Request, name: str) -> Response:
        queue = self.get_queryset().filter(name=name).first()
        if queue is None:
            raise Http404
        version = wanted_version(request, queue)
        limits = bodies.read(bodies.Limits, bodies.an_object(request))
        services.limit_queue(name, **limits.model_dump(exclude_unset=True), actor=request.user, version=version)
        return self.retrieve(request, name)

    @extend_schema(
        summary="Pause a queue",
        description="Nothing more of it is started; what runs is finished.",
        request=bodies.Paused,
        responses={200: QueueShape},
        examples=[example("Pause", {"reason": "the shop's database moves"})],
    )
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, name: str) -> Response:
        body = bodies.read(bodies.Paused, bodies.an_object(request))
        services.pause_queue(name, actor=request.user, reason=body.reason)
        return self.retrieve(request, name)

    @extend_schema(summary="Resume a queue", request=bodies.Nothing, responses={200: QueueShape})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, name: str) -> Response:
        bodies.read(bodies.Nothing, bodies.an_object(request))
        services.resume_queue(name, actor=request.user)
        return self.retrieve(request, name)
