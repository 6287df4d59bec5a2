"""All queues together: whether they keep up, and what waits and failed in them."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tasks import queue_figures, selectors, task_figures
from tasks.api import queue_shapes
from tasks.api.permissions import ModelPermissions
from tasks.api.query import KnowsItsQuery
from tasks.api.queue_answers import FailedCountShape, OverloadedShape, PendingCountShape, StatusShape
from tasks.models import Queue


class QueueManagerViewSet(KnowsItsQuery, GenericViewSet):  # type: ignore[type-arg]
    queryset: QuerySet[Queue] = Queue.objects.all()
    permission_classes = [ModelPermissions]
    pagination_class = None

    @extend_schema(summary="Coordinator, broker, workers and queues", responses={200: StatusShape})
    def status(self, request: Request) -> Response:
        return Response(queue_shapes.status_shape(queue_figures.picture()))

    @extend_schema(summary="Which queues are overloaded, by which rule", responses={200: OverloadedShape})
    def overloaded(self, request: Request) -> Response:
        return Response(queue_shapes.overloaded_shape(queue_figures.picture()))

    @extend_schema(summary="Count failed tasks", responses={200: FailedCountShape})
    def failed_count(self, request: Request) -> Response:
        failed, is_cut = task_figures.failed_by_queue()
        letters, letters_are_cut = task_figures.open_dead_letters_by_queue()
        return Response(
            {
                "count": min(sum(failed.numbers.values()), selectors.COUNT_CAP),
                "count_is_capped": is_cut,
                "by_queue": failed.numbers,
                "open_dead_letters": min(sum(letters.numbers.values()), selectors.COUNT_CAP),
                "open_dead_letters_are_capped": letters_are_cut,
            }
        )

    @extend_schema(summary="Count pending tasks", responses={200: PendingCountShape})
    def pending_count(self, request: Request) -> Response:
        picture = queue_figures.picture()
        return Response(queue_shapes.pending_shape(picture.figures, picture.whole))
