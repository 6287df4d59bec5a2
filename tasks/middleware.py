"""Tells the audit trail through which door a web request comes in."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tasks import auditing
from tasks.states import Door


class DoorMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        door = Door.API if request.path_info.startswith("/api/") else Door.ADMIN
        with auditing.through(door, request):
            return self._get_response(request)
