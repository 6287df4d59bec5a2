"""What goes wrong before or around the API's views has the API's form, and tells nothing of the server's inside."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.test import Client

from tests.tasks.api.conftest import Api

pytestmark = pytest.mark.django_db


def error(response: Any) -> tuple[int, str, str]:
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert set(body) == {"type", "errors"}
    (found,) = body["errors"]
    assert set(found) == {"code", "detail", "attr"}
    return response.status_code, body["type"], found["code"]


@pytest.mark.parametrize(
    ("send", "expected"),
    [
        (lambda api: api.client.get("/api/tasks/%0a/", headers=api.headers), (404, "client_error", "not_found")),
        (lambda api: api.client.get("/api/", headers=api.headers), (404, "client_error", "not_found")),
        (lambda api: api.client.get("/api/tasks", headers=api.headers), (404, "client_error", "not_found")),
        (lambda api: api.client.get("/api/", headers={"Host": "a b"}), (400, "client_error", "bad_request")),
        (
            lambda api: api.client.get("/api/tasks/", headers=api.headers | {"Accept": "text/csv"}),
            (406, "client_error", "not_acceptable"),
        ),
        (
            lambda api: api.client.post("/api/tasks/", "a=1", content_type="text/plain", headers=api.headers),
            (415, "client_error", "unsupported_media_type"),
        ),
        (
            lambda api: api.client.post("/api/tasks/", b'{"a":', content_type="application/json", headers=api.headers),
            (400, "client_error", "parse_error"),
        ),
        (
            lambda api: api.client.generic("TRACE", "/api/tasks/", headers=api.headers),
            (405, "client_error", "method_not_allowed"),
        ),
    ],
)
def test_it_has_the_form_of_the_api(send: Callable[[Api], Any], expected: tuple[int, str, str], root: Api) -> None:
    assert error(send(root)) == expected


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (LookupError("secret inside"), 500),
        (OperationalError("secret inside"), 503),
        (SuspiciousOperation("secret inside"), 400),
    ],
)
@pytest.mark.parametrize(
    "place",
    ["tasks.api.views.tasks.stats_shape", "django.contrib.messages.middleware.MessageMiddleware.process_request"],
)
def test_a_fault_inside_shows_nothing_of_itself(place: str, wrong: Exception, code: int, root: Api) -> None:
    with mock.patch(place, side_effect=wrong):
        response = root.client.get("/api/tasks/stats/", headers=root.headers)
    assert error(response)[0] in ((code, 500) if place.startswith("tasks") else (code,))
    assert b"secret inside" not in response.content
    assert b"Traceback" not in response.content
    if response.status_code == 503:
        assert int(response["Retry-After"]) > 0


def test_elsewhere_they_are_pages(client: Client) -> None:
    response = client.get("/no/such/page/")
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("address", ["tasks/", "dlq/tasks/", "queue-manager/queues/", "tasks/stats/", "task-types/"])
def test_a_parameter_that_there_is_not_is_refused(address: str, root: Api) -> None:
    """A filter that was misspelt would match everything."""
    code, body = root.get(address, statsu="failed")
    assert (code, body["errors"][0]["attr"], body["errors"][0]["code"]) == (400, "statsu", "unknown_parameter")
    assert root.get(address)[0] == 200


def test_a_parameter_is_not_told_to_who_may_not_ask(sign_in: Any) -> None:
    assert sign_in().get("tasks/", statsu="failed")[0] == 403
