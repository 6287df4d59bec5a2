"""All queues together: whether they keep up, and what waits and failed in them."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tasks import database, machinery, queue_figures, selectors, task_figures
from tasks.api import queue_shapes
from tasks.api.permissions import ModelPermissions
from tasks.api.queue_answers import FailedCountShape, OverloadedShape, PendingCountShape, StatusShape
from tasks.models import Queue
from tasks.overload import Rule


class QueueManagerViewSet(GenericViewSet):  # type: ignore[type-arg]
    queryset: QuerySet[Queue] = Queue.objects.all()
    permission_classes = [ModelPermissions]
    pagination_class = None

    @extend_schema(summary="Coordinator, broker, workers and queues", responses={200: StatusShape})
    def status(self, request: Request) -> Response:
        picture = queue_figures.picture()
        workers = machinery.workers_by_state(database.now())
        return Response(
            {
                "coordinator": queue_shapes.coordinator_shape(machinery.coordinator()),
                "workers": {
                    **{state.value: len(found) for state, found in workers.items()},
                    "processes": picture.whole.listening,
                },
                "in_all": queue_shapes.figures_shape(picture.whole),
                "queues": [
                    queue_shapes.queue_shape(queue, figures)
                    for queue, figures in zip(picture.queues, picture.figures, strict=True)
                ],
            }
        )

    @extend_schema(summary="Which queues are overloaded, by which rule", responses={200: OverloadedShape})
    def overloaded(self, request: Request) -> Response:
        picture, rule = queue_figures.picture(), Rule.of_settings()
        queues = [
            {"name": queue.name, "paused": queue.paused}
            | queue_shapes.verdict_shape(figures, rule.reasons(queue, figures))
            for queue, figures in zip(picture.queues, picture.figures, strict=True)
        ]
        in_all = queue_shapes.verdict_shape(picture.whole, rule.reasons_in_all(picture.whole))
        return Response(
            {
                "overloaded": in_all["overloaded"] or any(each["overloaded"] for each in queues),
                "rule": {
                    "depth": rule.depth,
                    "depth_in_all": rule.depth_in_all,
                    "oldest_seconds": rule.oldest_seconds,
                    "drain_seconds": rule.drain_seconds,
                    "in_words": rule.in_words(),
                },
                "in_all": in_all,
                "queues": queues,
            }
        )

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
