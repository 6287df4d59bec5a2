"""What can be done to tasks that exist: one at a time, or a list of ids set-wise."""

import uuid
from typing import Any, TypeVar

from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from tasks import services
from tasks.api import bodies, shapes
from tasks.api.permissions import VerbPermissions, check_may_change_payload
from tasks.api.views.tasks import TaskView
from tasks.services import Report
from tasks.states import TaskStatus

_Retried = TypeVar("_Retried", bound=bodies.Retried)


class TaskVerbs(TaskView):
    """A wrong state is answered by 409 with that state; a list of ids by what was done and what was skipped."""

    permission_classes = [VerbPermissions]

    def edit(self, request: Request, pk: uuid.UUID) -> Response:
        task = self.task(pk)
        given = bodies.an_object(request)
        reason = bodies.take_reason(given)
        if "payload" in given:
            check_may_change_payload(request.user)
            given["payload"] = services.with_secrets(given["payload"], task.payload)
        services.edit_task(pk, given, actor=request.user, reason=reason)
        return Response(self.shape(pk))

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        body = bodies.read(bodies.Reasoned, {**_of_query(request, "reason"), **bodies.an_object(request)})
        report = services.cancel_tasks([pk], actor=request.user, reason=body.reason)
        report.of_one(TaskStatus.CANCELLED)
        code = status.HTTP_202_ACCEPTED if report.requested else status.HTTP_200_OK
        return Response(self.shape(pk), status=code)

    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: uuid.UUID) -> Response:
        task = self.task(pk)
        body = self._retried(bodies.Retried, task.payload)
        with bodies.of_one(pk):
            report = services.retry_tasks([pk], actor=request.user, **_of_retry(body))
        return self._one(pk, report, "retried")

    @action(detail=True, methods=["post"])
    def run_now(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        body = bodies.read(bodies.Reasoned, bodies.an_object(request))
        return self._one(pk, services.run_now([pk], actor=request.user, reason=body.reason), "run now")

    @action(detail=True, methods=["post"])
    def priority(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        body = bodies.read(bodies.Prioritised, bodies.an_object(request))
        report = services.change_priority([pk], body.priority, actor=request.user, reason=body.reason)
        return self._one(pk, report, "given another priority")

    @action(detail=True, methods=["post"])
    def compensate(self, request: Request, pk: uuid.UUID) -> Response:
        self.task(pk)
        body = bodies.read(bodies.Reasoned, bodies.an_object(request))
        submitted = services.compensate_task(pk, actor=request.user, reason=body.reason)
        return Response(self.shape(submitted.id), status=status.HTTP_201_CREATED)

    # --- Lists of ids ------------------------------------------------------------------------------------------------

    @action(detail=False, methods=["post"])
    def cancel_many(self, request: Request) -> Response:
        body = bodies.read(bodies.Many, bodies.an_object(request))
        return _many(services.cancel_tasks(body.ids, actor=request.user, reason=body.reason))

    @action(detail=False, methods=["post"])
    def retry_many(self, request: Request) -> Response:
        body = self._retried(bodies.ManyRetried, {})
        return _many(services.retry_tasks(body.ids, actor=request.user, **_of_retry(body)))

    @action(detail=False, methods=["post"])
    def run_many_now(self, request: Request) -> Response:
        body = bodies.read(bodies.Many, bodies.an_object(request))
        return _many(services.run_now(body.ids, actor=request.user, reason=body.reason))

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
