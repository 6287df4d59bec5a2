"""What can be done to tasks that exist: one at a time, or a list of ids set-wise."""

import uuid
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import services
from tasks.api import bodies, shapes
from tasks.api.answers import ConflictShape, RefusalShape, ReportShape, TaskShape
from tasks.api.describing import IF_MATCH, example, sends_etag
from tasks.api.permissions import VerbPermissions, check_may_change_payload
from tasks.api.preconditions import wanted_version
from tasks.api.views.tasks import TaskView
from tasks.services import Report
from tasks.states import TaskStatus

_Retried = TypeVar("_Retried", bound=bodies.Retried)
_ONE = {200: TaskShape, 409: ConflictShape}
_REASON = OpenApiParameter(
    "reason",
    {"type": "string", "maxLength": bodies.LONGEST_REASON, "pattern": r"^[^\u0000]*$"},
    description="Why, where the body says nothing",
)
_TWO_IDS = ["01a2b3c4-0000-7000-8000-000000000001", "01a2b3c4-0000-7000-8000-000000000002"]


class TaskVerbs(TaskView):
    """A wrong state is answered by 409 with that state; a list of ids by what was done and what was skipped."""

    permission_classes = [VerbPermissions]

    @extend_schema(
        summary="Change a waiting task",
        description="Fields that are left out stay. `payload` takes the place of the whole payload; a mask in it keeps "
        "the secret that it stands for.",
        parameters=[IF_MATCH, sends_etag(200)],
        request=bodies.Edited,
        responses={**_ONE, 412: RefusalShape},
        examples=[example("Later, and before others", {"run_at": "2030-01-31T08:00:00Z", "priority": 9})],
    )
    def edit(self, request: Request, pk: uuid.UUID) -> Response:
        task = self.task(pk)
        version = wanted_version(request, task)
        given = bodies.an_object(request)
        reason = bodies.take_reason(given)
        if "payload" in given:
            check_may_change_payload(request.user)
            given["payload"] = services.with_secrets(given["payload"], task.payload)
        services.edit_task(pk, given, actor=request.user, reason=reason, version=version)
        return self.retrieve(request, pk)

    @extend_schema(
        summary="Cancel a task",
        description="What is being executed is asked to stop: that is answered by 202.",
        request=bodies.Reasoned,
        parameters=[_REASON],
        responses={**_ONE, 202: TaskShape},
        examples=[example("Cancel", {"reason": "ordered twice"})],
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        of_query = bodies.read(bodies.Reasoned, _of_query(request, "reason"))
        body = bodies.read(bodies.Reasoned, {"reason": of_query.reason, **bodies.an_object(request)})
        report = services.cancel_tasks([pk], actor=request.user, reason=body.reason)
        report.of_one(TaskStatus.CANCELLED)
        code = status.HTTP_202_ACCEPTED if report.requested else status.HTTP_200_OK
        return Response(self.shape(pk), status=code)

    @extend_schema(
        summary="Retry a failed task",
        description="It keeps its id and gets a fresh budget of attempts. `payload` is a merge patch (RFC 7396).",
        request=bodies.Retried,
        responses=_ONE,
        examples=[example("With another address", {"payload": {"url": "https://example.com/v2"}})],
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: uuid.UUID) -> Response:
        task = self.task(pk)
        body = self._retried(bodies.Retried, task.payload)
        with bodies.of_one(pk):
            report = services.retry_tasks([pk], actor=request.user, **_of_retry(body))
        return self._one(pk, report, "retried")

    @extend_schema(summary="Run a task that is due later now", request=bodies.Reasoned, responses=_ONE)
    @action(detail=True, methods=["post"])
    def run_now(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        body = bodies.read(bodies.Reasoned, bodies.an_object(request))
        return self._one(pk, services.run_now([pk], actor=request.user, reason=body.reason), "run now")

    @extend_schema(
        summary="Give a task another priority",
        request=bodies.Prioritised,
        responses=_ONE,
        examples=[example("First", {"priority": 9})],
    )
    @action(detail=True, methods=["post"])
    def priority(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        body = bodies.read(bodies.Prioritised, bodies.an_object(request))
        report = services.change_priority([pk], body.priority, actor=request.user, reason=body.reason)
        return self._one(pk, report, "given another priority")

    @extend_schema(
        summary="Submit what undoes a task", request=bodies.Reasoned, responses={201: TaskShape, 409: ConflictShape}
    )
    @action(detail=True, methods=["post"])
    def compensate(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        body = bodies.read(bodies.Reasoned, bodies.an_object(request))
        submitted = services.compensate_task(pk, actor=request.user, reason=body.reason)
        return Response(self.shape(submitted.id), status=status.HTTP_201_CREATED)

    # --- Lists of ids ------------------------------------------------------------------------------------------------

    @extend_schema(
        summary="Cancel several tasks",
        request=bodies.Many,
        responses={200: ReportShape},
        examples=[example("Cancel two", {"ids": _TWO_IDS})],
    )
    @action(detail=False, methods=["post"])
    def cancel_many(self, request: Request) -> Response:
        body = bodies.read(bodies.Many, bodies.an_object(request))
        return _many(services.cancel_tasks(body.ids, actor=request.user, reason=body.reason))

    @extend_schema(
        summary="Retry several failed tasks",
        request=bodies.ManyRetried,
        responses={200: ReportShape},
        examples=[example("Retry two within a minute", {"ids": _TWO_IDS, "spread": 60.0})],
    )
    @action(detail=False, methods=["post"])
    def retry_many(self, request: Request) -> Response:
        body = self._retried(bodies.ManyRetried, {})
        return _many(services.retry_tasks(body.ids, actor=request.user, **_of_retry(body)))

    @extend_schema(
        summary="Run several tasks that are due later now", request=bodies.Many, responses={200: ReportShape}
    )
    @action(detail=False, methods=["post"])
    def run_many_now(self, request: Request) -> Response:
        body = bodies.read(bodies.Many, bodies.an_object(request))
        return _many(services.run_now(body.ids, actor=request.user, reason=body.reason))

    @extend_schema(
        summary="Give several tasks another priority", request=bodies.ManyPrioritised, responses={200: ReportShape}
    )
    @action(detail=False, methods=["post"])
    def priority_of_many(self, request: Request) -> Response:
        body = bodies.read(bodies.ManyPrioritised, bodies.an_object(request))
        return _many(services.change_priority(body.ids, body.priority, actor=request.user, reason=body.reason))

    # --- Their parts -------------------------------------------------------------------------------------------------

    def _retried(self, model: type[_Retried], original: Any) -> _Retried:
        body = bodies.read(model, bodies.an_object(self.request))
        if body.payload is not None:
            check_may_change_payload(self.request.user)
            body.payload = services.with_secrets(body.payload, original)
        return body

    def _one(self, pk: uuid.UUID, report: Report, verb: str) -> Response:
        report.of_one(verb)
        return Response(self.shape(pk))


def _many(report: Report) -> Response:
    return Response(shapes.report_shape(report))


def _of_retry(body: bodies.Retried) -> dict[str, Any]:
    return {"reason": body.reason, "spread": body.spread, "patch": body.payload}


def _of_query(request: Request, name: str) -> dict[str, Any]:
    return {name: request.query_params[name]} if name in request.query_params else {}
