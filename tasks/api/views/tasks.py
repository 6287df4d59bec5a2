"""Tasks: submitted, listed, looked at."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import selectors
from tasks.api import bodies, shapes
from tasks.api.answers import (
    AttemptShape,
    BulkShape,
    ConflictShape,
    LogShape,
    Page,
    SearchedPage,
    TaskShape,
    TimelineShape,
)
from tasks.api.describing import IDEMPOTENCY_KEY, example, sends_etag
from tasks.api.filters import TASK_ORDERS, SelectionFilter
from tasks.api.pagination import CappedPagination, CursorPagination
from tasks.api.permissions import ModelPermissions, check_may_change_payload, may_see_payload
from tasks.api.preconditions import etag
from tasks.api.queue_answers import TaskStatsShape
from tasks.api.stats import stats_shape
from tasks.api.timeline import timeline
from tasks.api.views.chunked import ReadsChunked
from tasks.api.why import EXAMPLE, WhyShape, why
from tasks.exceptions import InvalidSubmission
from tasks.models import Task, TaskAttempt, TaskLog
from tasks.searching import TASKS
from tasks.services import Submitted, clone_task, submit_given, submit_tasks, with_secrets
from tasks.services.submission_form import Submission

_MANY = list[Submission] | bodies.Submissions
_TWO = [{"type": "health_check"}, {"type": "health_check", "depends_on": [0]}]


class TaskView(ReadsChunked):
    """One task's address, and what every view of tasks needs."""

    queryset = Task.objects.all()
    pagination_class = CappedPagination

    @extend_schema(summary="Look at a task", parameters=[sends_etag(200)], responses={200: TaskShape})
    def retrieve(self, request: Request, pk: uuid.UUID) -> Response:
        task = self.task(pk)
        return Response(self.shapes([task])[0], headers=etag(task))

    def task(self, pk: uuid.UUID) -> Task:
        task = selectors.tasks().filter(id=pk).first()
        if task is None:
            raise Http404
        return task

    def shape(self, pk: uuid.UUID) -> TaskShape:
        return self.shapes([self.task(pk)])[0]

    def shapes(self, tasks: Sequence[Task]) -> list[TaskShape]:
        return shapes.task_shapes(tasks, with_payload=may_see_payload(self.request.user))


class TaskViewSet(TaskView):
    permission_classes = [ModelPermissions]
    filter_backends = [SelectionFilter]
    selects = TASKS
    orders = TASK_ORDERS

    @property
    def pagination_class(self) -> type[CappedPagination]:  # type: ignore[override]  # DRF reads it of the instance
        return CursorPagination if self.action == "list" else CappedPagination

    def get_queryset(self) -> QuerySet[Task]:
        return selectors.tasks()

    @extend_schema(summary="List tasks", responses={200: SearchedPage[TaskShape]})
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self.shapes(page))

    @extend_schema(
        summary="Submit a task",
        description="201 where it is new, 200 where the same was submitted before with its key.",
        request=bodies.Single,
        parameters=[IDEMPOTENCY_KEY],
        responses={201: TaskShape, 200: TaskShape, 409: ConflictShape},
        examples=[
            example("Call an address", {"type": "http_request", "payload": {"url": "https://example.com/hook"}}),
            example("In an hour, at most twice", {"type": "health_check", "delay": 3600.0, "max_attempts": 2}),
        ],
    )
    def create(self, request: Request) -> Response:
        submitted = submit_given(_with_key(request), actor=request.user)
        code = status.HTTP_201_CREATED if submitted.created else status.HTTP_200_OK
        return Response(self._shape_of(submitted), status=code)

    @extend_schema(
        summary="Submit up to BULK_LIMIT tasks",
        description="All or none; errors name the index. Each may have an `idempotency_key` of its own.",
        request=_MANY,
        responses={201: BulkShape, 200: BulkShape, 409: ConflictShape},
        examples=[example("Two, one after the other", _TWO)],
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        given = request.data.get("tasks") if isinstance(request.data, dict) else request.data
        if not isinstance(given, list):
            raise ParseError('give a JSON array of tasks, or {"tasks": [...]}')
        if "Idempotency-Key" in request.headers:
            detail = "each task of a list has a key of its own: give idempotency_key in its object"
            raise InvalidSubmission([{"code": "key_of_a_list", "detail": detail, "attr": "idempotency_key"}])
        submitted = submit_tasks(given, actor=request.user)
        created = sum(each.created for each in submitted)
        body = {"count": len(submitted), "created": created, "ids": [each.id for each in submitted]}
        return Response(body, status=status.HTTP_201_CREATED if created else status.HTTP_200_OK)

    @extend_schema(
        summary="Submit a copy of a task",
        description="The body holds what is to differ, fields of a submission, and the reason.",
        request=bodies.Cloned,
        responses={201: TaskShape, 200: TaskShape, 409: ConflictShape},
        examples=[example("To another queue", {"queue": "http"})],
    )
    @action(detail=True, methods=["post"])
    def clone(self, request: Request, pk: uuid.UUID) -> Response:
        """Submits a copy. The body holds the changes, fields of a submission, and the reason."""
        if not request.user.has_perm("tasks.view_task"):
            raise PermissionDenied("a copy shows its original: that needs the permission tasks.view_task")
        task = self.task(pk)
        given = bodies.an_object(request)
        reason = bodies.take_reason(given)
        if "payload" in given:
            check_may_change_payload(request.user)
            given["payload"] = with_secrets(given["payload"], task.payload)
        submitted = clone_task(pk, given, actor=request.user, reason=reason)
        code = status.HTTP_201_CREATED if submitted.created else status.HTTP_200_OK
        return Response(self.shape(submitted.id), status=code)

    @extend_schema(summary="Count tasks", responses={200: TaskStatsShape})
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        return Response(stats_shape())

    @extend_schema(summary="List a task's attempts", filters=False, responses={200: Page[AttemptShape]})
    @action(detail=True)
    def attempts(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        seen = may_see_payload(request.user)
        rows = TaskAttempt.objects.filter(task_id=pk).order_by("number")
        return self._page(rows, lambda row: shapes.attempt_shape(row, with_payload=seen))

    @extend_schema(summary="Read a task's log", filters=False, responses={200: Page[LogShape]})
    @action(detail=True)
    def logs(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        if not may_see_payload(request.user):
            raise PermissionDenied("logs need the permission tasks.view_payload")
        return self._page(TaskLog.objects.filter(task_id=pk).order_by("id"), shapes.log_shape)

    @extend_schema(summary="Follow a task's life", responses={200: TimelineShape})
    @action(detail=True)
    def timeline(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(timeline(self.task(pk), with_payload=may_see_payload(request.user)))

    @extend_schema(
        summary="Ask why a task is not running",
        description="For tasks that wait; 409 with its status for one that is processing or has ended.",
        responses={200: WhyShape, 409: ConflictShape},
        examples=[OpenApiExample("Its queue is paused", value=EXAMPLE, response_only=True, status_codes=["200"])],
    )
    @action(detail=True)
    def why(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(why(self.task(pk)))

    def _shape_of(self, submitted: Submitted) -> TaskShape:
        if submitted.stored is None:
            return self.shape(submitted.id)
        # To read what has just been written would double what a submit costs.
        task = submitted.stored.as_task()
        task.created_by = self.request.user  # type: ignore[assignment]  # nobody submits without signing in
        return shapes.task_shape(task, None, with_payload=may_see_payload(self.request.user))

    def _page(self, rows: QuerySet[Any], shape: Any) -> Response:
        return self.get_paginated_response([shape(row) for row in self.paginate_queryset(rows) or []])


def _with_key(request: Request) -> Any:
    """Returns the body with the key of the Idempotency-Key header in it."""
    key = request.headers.get("Idempotency-Key")
    if key is None or not isinstance(request.data, dict):
        return request.data
    if request.data.get("idempotency_key", key) != key:
        detail = "the Idempotency-Key header and the body name two keys"
        raise InvalidSubmission([{"code": "two_keys", "detail": detail, "attr": "idempotency_key"}])
    return {**request.data, "idempotency_key": key}
