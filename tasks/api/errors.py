"""From the engine's errors to HTTP answers, all in the shape {type, errors: [{code, detail, attr}]}."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied as Refused
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from drf_standardized_errors.handler import ExceptionHandler as StandardHandler
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, NotFound, PermissionDenied, ValidationError

from tasks.exceptions import (
    AlreadyCompensated,
    BulkActionMissing,
    BulkActionUnderWay,
    ChangedMeanwhile,
    DependencyEnded,
    EditedMeanwhile,
    GroupMissing,
    IdempotencyConflict,
    IllegalBulkMove,
    IllegalTransition,
    InvalidSubmission,
    NotCompensable,
    PayloadTooLarge,
    QueueMissing,
    RuleMissing,
    SetChanged,
    TaskMissing,
)
from tasks.searching import InvalidSearch


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class Conflict(APIException):
    """`state` names what the request did not fit to; its parts stand in the answer beside the errors."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"

    def __init__(self, detail: str, code: str, state: dict[str, Any] | None = None) -> None:
        super().__init__(detail, code)
        self.state = state or {}


class PreconditionFailed(APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "precondition_failed"

    def __init__(self, detail: str, version: str) -> None:
        super().__init__(detail)
        self.version = version


class Unavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "database_unavailable"
    wait = 5  # seconds, for Retry-After
    # Whether a statement was committed whose answer was lost, nobody here can know.
    default_detail = "the database does not answer; try again: with its idempotency key a task is stored once"


_CONFLICTS: dict[type[Exception], str] = {
    IdempotencyConflict: "idempotency_conflict",
    DependencyEnded: "dependency_ended",
    AlreadyCompensated: "already_compensated",
    NotCompensable: "not_compensable",
    IllegalTransition: "illegal_transition",
    IllegalBulkMove: "illegal_transition",
    SetChanged: "count_differs",
    BulkActionUnderWay: "under_way",
}


def _state(exc: Exception) -> dict[str, Any]:
    """Returns what the request did not fit to."""
    if isinstance(exc, SetChanged):
        return {"count": exc.found}
    if isinstance(exc, BulkActionUnderWay):
        return {"bulk_action": exc.action}
    return {"status": exc.status} if isinstance(exc, (IllegalTransition, IllegalBulkMove, DependencyEnded)) else {}


class ExceptionHandler(StandardHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, (InvalidSubmission, InvalidSearch)):
            details: dict[str, list[ErrorDetail]] = {}
            for error in exc.errors:
                details.setdefault(error["attr"] or "non_field_errors", []).append(
                    ErrorDetail(error["detail"], code=error["code"])
                )
            return ValidationError(details)
        if isinstance(exc, PayloadTooLarge):
            return TooLarge(f"{exc.attr}: {exc}", code="payload_too_large")
        if isinstance(exc, RequestDataTooBig):
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            return TooLarge(f"the request is larger than {limit:,} bytes (REQUEST_LIMIT)", code="request_too_large")
        if isinstance(exc, tuple(_CONFLICTS)):
            attr = getattr(exc, "attr", "")
            return Conflict(f"{attr}: {exc}" if attr else str(exc), _CONFLICTS[type(exc)], _state(exc))
        if isinstance(exc, EditedMeanwhile):
            return PreconditionFailed(str(exc), exc.version)
        if isinstance(exc, ChangedMeanwhile):
            return Conflict(str(exc), "changed_meanwhile", exc.state)
        if isinstance(exc, (TaskMissing, QueueMissing, GroupMissing, RuleMissing, BulkActionMissing)):
            return NotFound(str(exc))
        if isinstance(exc, Refused) and exc.args:
            return PermissionDenied(str(exc))  # with the words of the service, which say what is missing
        if isinstance(exc, (OperationalError, InterfaceError)):
            return Unavailable()
        converted: Exception = super().convert_known_exceptions(exc)
        return converted

    def get_headers(self, exc: APIException) -> dict[str, str]:
        headers: dict[str, str] = super().get_headers(exc)
        return {**headers, "ETag": f'"{exc.version}"'} if isinstance(exc, PreconditionFailed) else headers

    def format_exception(self, exc: APIException) -> dict[str, Any]:
        body: dict[str, Any] = super().format_exception(exc)
        return {**body, **exc.state} if isinstance(exc, Conflict) else body
