"""From the engine's errors to HTTP answers, all in the shape {type, errors: [{code, detail, attr}]}."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from drf_standardized_errors.handler import ExceptionHandler as StandardHandler
from rest_framework import status
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError

from tasks.exceptions import IdempotencyConflict, IllegalTransition, InvalidSubmission, PayloadTooLarge


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class Unavailable(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "database_unavailable"
    default_detail = "the database does not answer; nothing was stored"


class ExceptionHandler(StandardHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, InvalidSubmission):
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
        if isinstance(exc, IdempotencyConflict):
            return Conflict(f"{exc.attr}: {exc}", code="idempotency_conflict")
        if isinstance(exc, IllegalTransition):
            return Conflict(str(exc), code="illegal_transition")
        if isinstance(exc, (OperationalError, InterfaceError)):
            return Unavailable()
        converted: Exception = super().convert_known_exceptions(exc)
        return converted
