"""The handler against real servers: what is sent, what comes back, and which failure each kind of answer is."""

import asyncio
import base64
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tasks.exceptions import TaskFailed
from tasks.handlers.http_payload import HttpRequest
from tasks.handlers.http_request import http_request
from tasks.handlers.http_transports import _ssl_context, close_transports
from tasks.states import FailureCategory
from tests.tasks.handlers.http_server import CERTIFICATE, Answer, Site, SocketServer, replying, request_of
from tests.tasks.handlers.http_task import fail, make_context, requested, send

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


# --- Redirects --------------------------------------------------------------------------------------------------------

SECRETS = {"Authorization": "Bearer t", "Cookie": "a=1", "X-Api-Key": "k", "X-Whatever": "w", "Accept": "text/csv"}


def test_redirect_is_followed_and_logged(site: Site) -> None:
    site.answers["/a"] = Answer(302, {"Location": "b?x=1#part"})
    site.answers["/b"] = Answer(200, {}, b"there")
    logged: list[tuple[Any, ...]] = []
    result = send(make_context(logged=logged), url=site.url("/a"), headers=SECRETS)
    assert (result["text"], result["url"]) == ("there", site.url("/b?x=1"))
    assert {name: site.received[1].headers[name] for name in SECRETS} == SECRETS
    steps = {"by": f"GET {site.url('/a')}", "status": 302, "to": f"GET {site.url('/b')}?…"}
    assert logged == [("info", "redirected", steps)]


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (302, "PUT", "PUT"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
    ],
)
def test_redirect_changes_the_method_as_in_browsers(site: Site, status: int, method: str, then: str) -> None:
    site.answers["/a"] = Answer(status, {"Location": "/b"})
    send(method=method, url=site.url("/a"), json={"a": 1})
    second = site.received[1]
    assert second.method == then
    kept = then == method
    assert second.body == (b'{"a":1}' if kept else b"")
    assert ("Content-Type" in second.headers) is kept
    assert ("Idempotency-Key" in second.headers) is (kept and method != "HEAD")


def test_redirect_to_another_origin_carries_no_secrets(site: Site, other_site: Site) -> None:
    site.answers["/a"] = Answer(307, {"Location": other_site.url("/b").replace("http://", "http://eve:pw@")})
    other_site.answers["/b"] = Answer(307, {"Location": site.url("/c")})
    result = send(method="POST", url=site.url("/a").replace("http://", "http://ada:pw@"), headers=SECRETS, json=1)
    assert result["url"] == site.url("/c")
    assert "Authorization" in site.received[0].headers
    # Neither over there nor on the way back.
    for received in (other_site.received[0], site.received[1]):
        assert not {"Authorization", "Cookie", "X-Api-Key", "X-Whatever"} & set(received.headers)
        assert received.headers["Accept"] == "text/csv"
        assert received.headers["Idempotency-Key"] == site.received[0].headers["Idempotency-Key"]
        assert received.body == b"1"


def test_redirect_to_a_private_address_is_refused(site: Site, other_site: Site, settings: Any) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = [f"127.0.0.1:{site.port}"]
    site.answers["/a"] = Answer(302, {"Location": other_site.url("/b")})
    failure = fail(url=site.url("/a"))
    assert (failure.category, failure.retryable) == (FailureCategory.INVALID_PAYLOAD, False)
    assert f"GET {other_site.url('/b')} (redirected from {site.url('/a')}) failed: 127.0.0.1 is not a public" in str(
        failure
    )
    assert other_site.received == []


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("ftp://a.test/x", "it was redirected to ftp:, and only http and https are followed"),
        ("http://[::1", "it was redirected to something that is not a valid URL"),
        ("https:///x", "it was redirected to a URL without a host"),
        ("/a", "it was redirected more than 5 times"),
    ],
)
def test_redirect_that_leads_nowhere_fails_for_good(site: Site, location: str, reason: str) -> None:
    site.answers["/a"] = Answer(302, {"Location": location}, b"moved")
    failure = fail(url=site.url("/a"))
    assert (failure.category, failure.retryable) == (FailureCategory.HTTP_4XX, None)
    assert reason in str(failure)
    assert (failure.details["status"], failure.details["text"]) == (302, "moved")
    assert len(site.received) == (6 if location == "/a" else 1)


def test_redirect_is_an_answer_where_none_is_to_be_followed(site: Site) -> None:
    site.answers["/a"] = Answer(302, {"Location": "/b"})
    failure = fail(url=site.url("/a"), follow_redirects=False)
    assert (failure.category, failure.retryable) == (FailureCategory.HTTP_4XX, False)
    assert send(url=site.url("/a"), follow_redirects=False, expected_status="3xx")["headers"]["location"] == "/b"


def test_redirect_status_without_location_is_an_answer(site: Site) -> None:
    site.answers["/a"] = Answer(302)
    assert send(url=site.url("/a"), expected_status=302)["status"] == 302


# --- Cookies ----------------------------------------------------------------------------------------------------------


def test_cookie_of_one_task_does_not_reach_another(site: Site) -> None:
    site.answers["/login"] = Answer(200, {"Set-Cookie": "sid=1; Path=/"})

    async def two_tasks() -> None:
        await requested(url=site.url("/login"))
        await requested(url=site.url("/x"))
        await close_transports()

    asyncio.run(two_tasks())
    assert "Cookie" not in site.received[1].headers
    assert site.received[0].connection == site.received[1].connection  # pooled, so it is the pool that kept none


# --- Faults of the connection -----------------------------------------------------------------------------------------


def test_refused_connection_is_named(settings: Any) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    failure = fail(method="post", url=f"http://ada:pw@127.0.0.1:{port}/x?token=s3cret")
    assert str(failure) == f"POST http://127.0.0.1:{port}/x?… failed: Connection refused"
    assert failure.category is FailureCategory.CONNECTION


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "Server disconnected without sending a response"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the server broke the protocol"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "the server broke the protocol"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "the server broke the protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, "the server broke the protocol"),
    ],
)
def test_broken_answer_is_a_connection_failure(
    socket_server: Callable[..., SocketServer], raw: bytes, reason: str
) -> None:
    server = socket_server(replying(raw, then_close=True))
    failure = fail(url=f"http://127.0.0.1:{server.port}/")
    assert failure.category is FailureCategory.CONNECTION
    assert reason in str(failure)


def test_reset_connection_is_a_connection_failure(socket_server: Callable[..., SocketServer]) -> None:
    def reset(connection: socket.socket) -> None:
        request_of(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()

    failure = fail(url=f"http://127.0.0.1:{socket_server(reset).port}/")
    assert failure.category is FailureCategory.CONNECTION
    assert "Connection reset by peer" in str(failure)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
def test_silent_server_is_given_up_before_the_timeout(socket_server: Callable[..., SocketServer], begun: bytes) -> None:
    server = socket_server(replying(begun))
    ctx = make_context(timeout=0.4)
    failure = fail(ctx, url=f"http://127.0.0.1:{server.port}/x")
    assert ctx.remaining > 0
    assert failure.category is FailureCategory.TIMEOUT
    assert str(failure) == f"GET http://127.0.0.1:{server.port}/x failed: the server did not answer in time"
    assert server.closed.wait(2)


def test_certificate_is_verified(socket_server: Callable[..., SocketServer]) -> None:
    server = socket_server(replying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), tls=True)
    failure = fail(url=f"https://127.0.0.1:{server.port}/")
    assert failure.category is FailureCategory.CONNECTION
    assert "the certificate was not accepted: self-signed certificate" in str(failure)
    assert send(url=f"https://127.0.0.1:{server.port}/", verify_tls=False)["status"] == 200


def test_tls_uses_the_name_though_the_address_is_connected_to(
    socket_server: Callable[..., SocketServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = socket_server(replying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), tls=True)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    _ssl_context.cache_clear()
    try:
        assert send(url=f"https://service.test:{server.port}/")["status"] == 200
        assert server.server_names == ["service.test"]
        assert "the certificate was not accepted" in str(fail(url=f"https://other.test:{server.port}/"))
    finally:
        _ssl_context.cache_clear()


def test_plain_server_behind_https_is_a_connection_failure(site: Site) -> None:
    failure = fail(url=site.url().replace("http://", "https://"))
    assert failure.category is FailureCategory.CONNECTION
    assert "TLS: " in str(failure)


def test_result_can_be_stored_as_json(site: Site) -> None:
    site.answers["/x"] = Answer(200, {"Content-Type": "image/png"}, b"\x89PNG\x00\xff")
    result = send(url=site.url("/x"))
    assert json.loads(json.dumps(result, allow_nan=False)) == result
