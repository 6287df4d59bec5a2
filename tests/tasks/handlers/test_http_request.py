"""The handler against real servers: what is sent, what comes back, and which failure each kind of answer is."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tasks.exceptions import TaskFailed
from tasks.handlers.http_payload import HttpRequest
from tasks.handlers.http_request import http_request
from tasks.states import FailureCategory
from tests.tasks.handlers.http_server import Answer, Site, SocketServer, replying
from tests.tasks.handlers.http_task import fail, make_context, send

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_method_is_sent(site: Site, method: str) -> None:
    assert send(method=method, url=site.url("/x"))["status"] == 200
    assert (site.received[0].method, site.received[0].path) == (method, "/x")


def test_result_describes_the_answer(site: Site) -> None:
    site.answers["/x"] = Answer(201, JSON, b'{"id": 17}')
    result = send(url=site.url("/x"))
    assert 0 < result.pop("duration_ms") < 5000
    headers = result.pop("headers")
    assert headers["content-type"] == "application/json"
    assert result == {
        "status": 201,
        "url": site.url("/x"),
        "http_version": "HTTP/1.1",
        "json": {"id": 17},
        "size": 10,
        "truncated": False,
    }


def test_headers_of_the_payload_and_of_taskyard_are_sent(site: Site) -> None:
    ctx = make_context()
    send(ctx, method="post", url=site.url(), headers={"X-Api-Key": " k ", "Accept": "text/csv"})
    headers = site.received[0].headers
    assert (headers["X-Api-Key"], headers["Accept"]) == ("k", "text/csv")
    assert headers["User-Agent"].startswith("Taskyard/")
    assert headers["X-Taskyard-Task"] == headers["Idempotency-Key"] == str(ctx.task_id)
    assert headers["X-Taskyard-Attempt"] == "2"
    assert headers["Accept-Encoding"] == "gzip, deflate"
    assert headers["Host"] == f"127.0.0.1:{site.port}"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_method_carries_no_idempotency_key(site: Site, method: str) -> None:
    send(method=method, url=site.url())
    assert "Idempotency-Key" not in site.received[0].headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_method_that_changes_things_carries_the_idempotency_key(site: Site, method: str) -> None:
    send(method=method, url=site.url())
    assert site.received[0].headers["Idempotency-Key"]


def test_idempotency_key_of_the_payload_is_kept(site: Site) -> None:
    send(method="POST", url=site.url(), headers={"idempotency-key": "mine"})
    assert site.received[0].headers.get_all("Idempotency-Key") == ["mine"]


@pytest.mark.parametrize(
    ("body", "content_type", "sent"),
    [
        ({"json": {"a": "é", "b": [1, None]}}, "application/json", b'{"a":"\\u00e9","b":[1,null]}'),
        ({"json": 0}, "application/json", b"0"),
        (
            {"form": {"a": "é &", "b": [1, 2.5], "c": True}},
            "application/x-www-form-urlencoded",
            b"a=%C3%A9+%26&b=1&b=2.5&c=true",
        ),
        ({"body": "é"}, "text/plain; charset=utf-8", "é".encode()),
        ({"body": "<a/>", "headers": {"content-type": "text/xml"}}, "text/xml", b"<a/>"),
        ({}, None, b""),
    ],
)
def test_body_is_sent(site: Site, body: dict[str, Any], content_type: str | None, sent: bytes) -> None:
    send(method="POST", url=site.url(), **body)
    received = site.received[0]
    assert received.headers["Content-Length"] == str(len(sent))
    assert (received.body, received.headers["Content-Type"]) == (sent, content_type)


def test_params_are_appended_to_the_query_as_it_stands(site: Site) -> None:
    send(url=site.url("/x?sig=a%2Fb+c&sig=2"), params={"sig": "3", "tag": ["new", "é"], "all": False})
    assert site.received[0].path == "/x?sig=a%2Fb+c&sig=2&sig=3&tag=new&tag=%C3%A9&all=false"


def test_relative_url_goes_to_the_base_url(site: Site, settings: Any) -> None:
    settings.HTTP_BASE_URL = site.url("/v1")
    assert send(url="orders?page=2")["url"] == site.url("/v1/orders?page=2")
    assert site.received[0].path == "/v1/orders?page=2"


def test_base_url_that_was_taken_away_fails_for_good(site: Site, settings: Any) -> None:
    settings.HTTP_BASE_URL = site.url()
    payload = HttpRequest(url="orders")
    settings.HTTP_BASE_URL = ""
    with pytest.raises(TaskFailed, match="HTTP_BASE_URL is not set") as caught:
        asyncio.run(http_request(make_context(), payload))
    assert caught.value.category is FailureCategory.INVALID_PAYLOAD


# --- What is shown ----------------------------------------------------------------------------------------------------


def test_user_and_password_are_sent_and_never_shown(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    site.answers["/moved"] = Answer(302, {"Location": site.url("/x")})
    site.answers["/bad"] = Answer(500)
    logged: list[tuple[Any, ...]] = []
    with_user = site.url().replace("http://", "http://ada:pa55%20word@")
    result = send(make_context(logged=logged), url=with_user + "moved")
    failure = fail(url=with_user + "bad")
    expected = "Basic " + base64.b64encode(b"ada:pa55 word").decode()
    assert [each.headers["Authorization"] for each in site.received] == [expected] * 3
    assert logged
    shown = repr([result, failure, str(failure), failure.details, logged, caplog.text])
    assert "pa55" not in shown
    assert "ada" not in shown


def test_authorization_of_the_payload_wins_over_the_url(site: Site) -> None:
    send(url=site.url().replace("http://", "http://ada:pw@"), headers={"authorization": "Bearer t"})
    assert site.received[0].headers.get_all("Authorization") == ["Bearer t"]


def test_secrets_in_the_answer_are_masked(site: Site) -> None:
    site.answers["/x"] = Answer(200, {"Set-Cookie": "sid=s3cret\nb=s3cret", "X-Auth-Token": "s3cret", "ETag": "e"})
    result = send(url=site.url("/x?access_token=s3cret&page=2"))
    assert "s3cret" not in repr(result)
    assert result["url"].endswith("/x?access_token=***&page=2")
    assert (result["headers"]["set-cookie"], result["headers"]["etag"]) == ("***", "e")


def test_message_leaves_the_query_out(site: Site) -> None:
    site.answers["/x"] = Answer(503)
    assert str(fail(url=site.url("/x?page=s3cret"))) == f"GET {site.url('/x')}?… answered 503 Service Unavailable"


# --- Statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "category", "retryable"),
    [
        (400, FailureCategory.HTTP_4XX, False),
        (401, FailureCategory.HTTP_4XX, False),
        (404, FailureCategory.HTTP_4XX, False),
        (408, FailureCategory.HTTP_4XX, True),
        (425, FailureCategory.HTTP_4XX, True),
        (429, FailureCategory.RATE_LIMITED, True),
        (500, FailureCategory.HTTP_5XX, True),
        (503, FailureCategory.HTTP_5XX, True),
        (304, FailureCategory.HTTP_4XX, False),
    ],
)
def test_unexpected_status_fails(site: Site, status: int, category: FailureCategory, retryable: bool) -> None:
    site.answers["/x"] = Answer(status, JSON, b'{"why": "so"}' if status != 304 else b"")
    failure = fail(url=site.url("/x"))
    assert (failure.category, failure.retryable, failure.retry_after) == (category, retryable, None)
    assert f"GET {site.url('/x')} answered {status} " in str(failure)
    assert failure.details["status"] == status
    if status != 304:
        assert failure.details["json"] == {"why": "so"}


def test_other_success_than_expected_fails(site: Site) -> None:
    site.answers["/x"] = Answer(204)
    failure = fail(url=site.url("/x"), expected_status=[200, "201-203"])
    assert str(failure).endswith("/x answered 204 No Content; expected 200, 201-203")
    assert (failure.category, failure.retryable) == (FailureCategory.HTTP_4XX, False)


def test_expected_error_status_is_a_success(site: Site) -> None:
    site.answers["/x"] = Answer(404)
    assert send(url=site.url("/x"), expected_status=["2xx", 404])["status"] == 404


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "999999999"}, 86_400),
        ({"Retry-After": "9" * 5000}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT", "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT", "Date": "Wed, 21 Oct 2015 07:28:30 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2025 07:28:00 GMT", "Date": "Wed, 21 Oct 2015 07:28:30 GMT"}, 86_400),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT"}, 0),
    ],
)
def test_retry_after_is_obeyed(
    socket_server: Callable[..., SocketServer], headers: dict[str, str], seconds: float | None
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    server = socket_server(replying(f"HTTP/1.1 503 Busy\r\n{lines}Content-Length: 0\r\n\r\n".encode()))
    failure = fail(url=f"http://127.0.0.1:{server.port}/")
    assert (failure.category, failure.retry_after) == (FailureCategory.HTTP_5XX, seconds)


@pytest.mark.parametrize(("status", "retryable"), [(429, True), (403, True), (202, True)])
def test_server_that_names_a_time_is_asked_again(site: Site, status: int, retryable: bool) -> None:
    site.answers["/x"] = Answer(status, {"Retry-After": "7"})
    failure = fail(url=site.url("/x"), expected_status=200)
    assert (failure.retryable, failure.retry_after) == (retryable, 7)


def test_result_can_be_stored_as_json(site: Site) -> None:
    site.answers["/x"] = Answer(200, {"Content-Type": "image/png"}, b"\x89PNG\x00\xff")
    result = send(url=site.url("/x"))
    assert json.loads(json.dumps(result, allow_nan=False)) == result
