"""http_request against a real server: redirects, cookies, faults of the connection."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tasks.handlers.http_transports import _ssl_context, close_transports
from tasks.states import FailureCategory
from tests.tasks.handlers.http_server import CERTIFICATE, Answer, Site, SocketServer, replying, request_of
from tests.tasks.handlers.http_task import fail, make_context, requested, send

JSON = {"Content-Type": "application/json"}


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


@pytest.mark.parametrize(
    ("begun", "reason"),
    [
        (b"", "the server did not answer in time"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "the answer did not end in time"),
    ],
)
def test_silent_server_is_given_up_before_the_timeout(
    socket_server: Callable[..., SocketServer], begun: bytes, reason: str
) -> None:
    server = socket_server(replying(begun))
    ctx = make_context(timeout=0.4)
    failure = fail(ctx, url=f"http://127.0.0.1:{server.port}/x")
    assert ctx.remaining > 0
    assert failure.category is FailureCategory.TIMEOUT
    assert str(failure) == f"GET http://127.0.0.1:{server.port}/x failed: {reason}"
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
