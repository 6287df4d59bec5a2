"""The API of tasks: translates requests to services and rows to shapes."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ParseError, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from tasks import registry, selectors
from tasks.api import shapes
from tasks.api.filters import DeadLetterFilter, TaskFilter
from tasks.api.pagination import CappedPagination
from tasks.api.permissions import ModelPermissions, may_see_payload
from tasks.exceptions import InvalidSubmission
from tasks.models import DeadLetter, Task, TaskAttempt, TaskLog
from tasks.services import submit_given, submit_tasks


class TaskViewSet(GenericViewSet[Task]):
    queryset = Task.objects.all()
    permission_classes = [ModelPermissions]
    pagination_class = CappedPagination
    filter_backends = [DjangoFilterBackend]
    filterset_class = TaskFilter

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            # Sent in chunks it names no length, and DRF would take it for empty.
            request.META["CONTENT_LENGTH"] = str(len(request.body))

    def get_queryset(self) -> QuerySet[Task]:
        return selectors.tasks().order_by("-created_at", "-id")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        newest = selectors.newest_attempts([task.id for task in page])
        seen = may_see_payload(request.user)
        return self.get_paginated_response(
            [shapes.task_shape(task, newest.get(task.id), with_payload=seen) for task in page]
        )

    def retrieve(self, request: Request, pk: uuid.UUID) -> Response:
        return Response(self._shape(pk))

    def create(self, request: Request) -> Response:
        submitted = submit_given(_with_key(request), actor=request.user)
        code = status.HTTP_201_CREATED if submitted.created else status.HTTP_200_OK
        return Response(self._shape(submitted.id), status=code)

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

    @action(detail=False)
    def stats(self, request: Request) -> Response:
        return Response(selectors.task_stats())

    @action(detail=True)
    def attempts(self, request: Request, pk: uuid.UUID) -> Response:
        self._task(pk)
        seen = may_see_payload(request.user)
        rows = TaskAttempt.objects.filter(task_id=pk).order_by("number")
        return self._page(rows, lambda row: shapes.attempt_shape(row, with_payload=seen))

    @action(detail=True)
    def logs(self, request: Request, pk: uuid.UUID) -> Response:
        self._task(pk)
        if not may_see_payload(request.user):
            raise PermissionDenied("logs need the permission tasks.view_payload")
        return self._page(TaskLog.objects.filter(task_id=pk).order_by("id"), shapes.log_shape)

    def _task(self, pk: uuid.UUID) -> Task:
        task = selectors.tasks().filter(id=pk).first()
        if task is None:
            raise Http404
        return task

    def _shape(self, pk: uuid.UUID) -> dict[str, Any]:
        task = self._task(pk)
        newest = selectors.newest_attempts([task.id]).get(task.id) if task.attempt else None
        return shapes.task_shape(task, newest, with_payload=may_see_payload(self.request.user))

    def _page(self, rows: QuerySet[Any], shape: Any) -> Response:
        return self.get_paginated_response([shape(row) for row in self.paginate_queryset(rows) or []])


class DeadLetterViewSet(GenericViewSet[DeadLetter]):
    queryset = DeadLetter.objects.select_related("resolved_by").order_by("-created_at", "-id")
    permission_classes = [ModelPermissions]
    pagination_class = CappedPagination
    filter_backends = [DjangoFilterBackend]
    filterset_class = DeadLetterFilter

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        seen = may_see_payload(request.user)
        return self.get_paginated_response([shapes.dead_letter_shape(row, with_payload=seen) for row in page])

    def retrieve(self, request: Request, pk: uuid.UUID) -> Response:
        letter = self.get_queryset().filter(id=pk).first()
        if letter is None:
            raise Http404
        return Response(shapes.dead_letter_shape(letter, with_payload=may_see_payload(request.user)))


class TaskTypesView(APIView):
    """What can be submitted here, each with the JSON Schema of its payload."""

    def get(self, request: Request) -> Response:
        return Response([shapes.type_shape(handler) for handler in registry.handlers()])


class UnknownAddressView(APIView):
    """Answers in JSON, like the rest of the API, where Django would show a page."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound("there is no such address")


def _with_key(request: Request) -> Any:
    """Returns the body with the key of the Idempotency-Key header in it."""
    key = request.headers.get("Idempotency-Key")
    if key is None or not isinstance(request.data, dict):
        return request.data
    if request.data.get("idempotency_key", key) != key:
        detail = "the Idempotency-Key header and the body name two keys"
        raise InvalidSubmission([{"code": "two_keys", "detail": detail, "attr": "idempotency_key"}])
    return {**request.data, "idempotency_key": key}
