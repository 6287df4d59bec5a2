"""What surrounds each web request: the door for the audit trail, and clear answers to forms that came too late."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from tasks.doors import through
from tasks.states import Door

_Next = Callable[[HttpRequest], HttpResponseBase]


class DoorMiddleware:
    def __init__(self, get_response: _Next) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        door = Door.API if request.path_info.startswith("/api/") else Door.ADMIN
        with through(door, request):
            return self._get_response(request)


class LateFormMiddleware:
    """Says on the login page that a form was not taken, and makes of a refused login a 429."""

    def __init__(self, get_response: _Next) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if request.method != "POST":
            return response
        if retry_after := getattr(request, "retry_after", None):
            response.status_code = 429
            response.headers["Retry-After"] = str(retry_after)
        elif isinstance(response, HttpResponseRedirect) and not request.user.is_authenticated:
            login = reverse("admin:login")
            if urlsplit(response.url).path == login and request.path not in (login, reverse("admin:logout")):
                words = "Your session had ended: nothing was changed. Sign in, and send the form again."
                messages.warning(request, words)
        return response
