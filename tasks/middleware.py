"""What surrounds each web request: the door for the audit trail, clear answers to forms that came too late, and pages
on which no stored text looks like another one."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from tasks.doors import through
from tasks.states import Door
from tasks.wording import has_unseen, visible

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


# What somebody edits comes back as it was: a form that is saved unchanged changes nothing.
_EDITED = re.compile(r"(<(?:input|option)\b[^>]*>|<textarea\b.*?</textarea>|<script\b.*?</script>)", re.DOTALL)


class VisibleSignsMiddleware:
    """Writes out what would not be seen on a page of the admin, wherever a stored text has it.

    Each screen would have to think of it at each text, those of other apps included. Most pages hold none and are only
    searched, which takes 1 ms for 200 KB.
    """

    def __init__(self, get_response: _Next) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if (
            isinstance(response, HttpResponse)
            and response.get("Content-Type", "").startswith("text/html")
            and request.path_info.startswith(reverse("admin:index"))
        ):
            text = response.content.decode(response.charset)
            if has_unseen(text):
                parts = _EDITED.split(text)  # every second one is edited
                parts[::2] = map(visible, parts[::2])
                response.content = "".join(parts)
        return response
