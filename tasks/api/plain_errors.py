"""Errors met before or around the API's views: in the API's form below /api/, else Django's pages."""

import sys
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import status

from tasks.api.errors import Unavailable


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = "the request cannot be read"  # its own words are of Django's inside, and may repeat a host or a header
    return _answer(request, defaults.bad_request, status.HTTP_400_BAD_REQUEST, "bad_request", detail, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = "You do not have permission to perform this action."
    return _answer(
        request, defaults.permission_denied, status.HTTP_403_FORBIDDEN, "permission_denied", detail, exception
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    detail = "there is no such address"
    return _answer(request, defaults.page_not_found, status.HTTP_404_NOT_FOUND, "not_found", detail, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/") and isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        body = {"code": Unavailable.default_code, "detail": Unavailable.default_detail, "attr": None}
        headers = {"Retry-After": str(Unavailable.wait)}
        return JsonResponse({"type": "server_error", "errors": [body]}, status=503, headers=headers)
    return _answer(request, defaults.server_error, status.HTTP_500_INTERNAL_SERVER_ERROR, "error", "Server Error (500)")


def _answer(
    request: HttpRequest, page: Callable[..., HttpResponse], code: int, word: str, detail: str, *exception: Any
) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return page(request, *exception)
    kind = "server_error" if code >= 500 else "client_error"
    body = {"type": kind, "errors": [{"code": word, "detail": detail, "attr": None}]}
    return JsonResponse(body, status=code)
