"""Servers that mean harm: each ends as a failure with a name, in bounded memory and time, and no socket stays open."""

import asyncio
import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tasks.exceptions import TaskFailed
from tasks.handlers.http_disclosure import LONGEST_HEADER, MOST_HEADERS
from tasks.handlers.http_transports import close_transports
from tasks.states import FailureCategory
from tests.tasks.handlers.http_attacks import BROKEN, ENDLESS, OK, dripping, resetting, sending
from tests.tasks.handlers.http_server import Answer, Site, SocketServer
from tests.tasks.handlers.http_task import fail, make_context, requested, send
from tests.tasks.pool_process import until

pytestmark = pytest.mark.embedded  # real programs or much data

SILENT = "the server did not answer in time"

Start = Callable[..., SocketServer]


def sockets() -> int:
    count = 0
    for each in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the descriptor of the listing itself
            count += os.readlink(f"/proc/self/fd/{each}").startswith("socket:")
    return count


@pytest.fixture
def no_socket_stays(socket_server: Start) -> Iterator[None]:
    before = sockets()
    yield
    # The server's own listener stays until its fixture ends.
    until(lambda: sockets() <= before + 1)


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    yield stop
    stop.set()


def url_of(server: SocketServer) -> str:
    return f"http://127.0.0.1:{server.port}/x"


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_answer_ends_in_bounded_memory_and_time(
    name: str, socket_server: Start, no_socket_stays: None
) -> None:
    server = socket_server(ENDLESS[name])
    ctx = make_context(timeout=30.0)
    tracemalloc.start()
    try:
        outcome = run(ctx, url=url_of(server), response_limit=10_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ctx.remaining > 0
    assert peak < 8_000_000
    if name in ("body", "small chunks"):
        assert not isinstance(outcome, TaskFailed)
        assert (outcome["size"], outcome["truncated"]) == (10_000, True)
    else:
        assert isinstance(outcome, TaskFailed)
        assert outcome.category in (FailureCategory.CONNECTION, FailureCategory.TIMEOUT)
        assert str(outcome).startswith(f"GET {url_of(server)} failed: ")
    assert server.closed.wait(10)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_a_connection_failure_with_a_reason(
    name: str, socket_server: Start, no_socket_stays: None
) -> None:
    failure = fail(url=url_of(server := socket_server(BROKEN[name])))
    assert failure.category is FailureCategory.CONNECTION
    said = str(failure).removeprefix(f"GET {url_of(server)} failed: ")
    assert said != str(failure)
    assert "reset by peer" in said or said.startswith("the server broke the protocol: ")


@pytest.mark.parametrize(
    ("head", "drop", "reason"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", SILENT),
        (OK, b"X: a\r\n", SILENT),
        (OK + b"Content-Length: 100000\r\n\r\n", b"a", "the answer did not end in time"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", "the answer did not end in time"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n", "the answer did not end in time"),
    ],
    ids=["continues", "headers", "body", "chunks", "trailers"],
)
def test_a_server_that_drips_is_given_up_before_the_timeout(
    head: bytes, drop: bytes, reason: str, socket_server: Start, stop: threading.Event, no_socket_stays: None
) -> None:
    server = socket_server(dripping(head, drop, stop))
    failure = fail(make_context(timeout=0.6), url=url_of(server))
    assert failure.category is FailureCategory.TIMEOUT
    assert str(failure) == f"GET {url_of(server)} failed: {reason}"


def test_the_time_of_redirects_adds_up(site: Site, socket_server: Start, stop: threading.Event) -> None:
    server = socket_server(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n", stop))
    site.answers["/to"] = Answer(302, {"Location": url_of(server)})
    failure = fail(make_context(timeout=0.6), url=site.url("/to"))
    assert str(failure) == f"GET {url_of(server)} (redirected from {site.url('/to')}) failed: {SILENT}"


def test_a_server_that_takes_no_request_is_given_up(settings: Any) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # the kernel connects, and nobody reads
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        failure = fail(make_context(timeout=0.6), method="post", url=url, body="a" * 30_000_000)
    assert failure.category is FailureCategory.TIMEOUT
    assert str(failure).startswith(f"POST {url} failed: the server did not ")


def test_informational_answers_and_trailers_are_passed_over(socket_server: Start, no_socket_stays: None) -> None:
    raw = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        + OK
        + b"Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n2;a=b\r\nok\r\n0\r\nX-Trailer: t\r\n\r\n"
    )
    result = send(url=url_of(socket_server(sending(raw))))
    assert (result["status"], result["text"]) == (200, "ok")
    assert set(result["headers"]) == {"transfer-encoding", "content-type"}


def test_an_answer_before_the_request_is_read_counts(socket_server: Start) -> None:
    head = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    failure = fail(method="post", url=url_of(socket_server(sending(head))), body="a" * 300_000)
    assert failure.category is FailureCategory.HTTP_4XX
    assert "answered 413" in str(failure)


def test_headers_are_kept_up_to_a_limit(site: Site) -> None:
    site.answers["/x"] = Answer(200, {f"X-{number}": "a" for number in range(90)} | {"A-Long": "b" * 20_000})
    headers = send(url=site.url("/x"))["headers"]
    assert len(headers["a-long"]) == LONGEST_HEADER
    site.answers["/x"] = Answer(200, {f"X-{number}": "a" for number in range(1_000)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("http.client._MAXHEADERS", 2_000)
        headers = send(url=site.url("/x"))["headers"]
    assert len(headers) == MOST_HEADERS + 1
    assert headers["…"].endswith(" more")


@pytest.mark.parametrize("head", [b"", OK + b"Content-Length: 50\r\n\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"])
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(min_size=1, max_size=200))
def test_random_bytes_are_a_connection_failure(head: bytes, noise: bytes, socket_server: Start) -> None:
    server = socket_server(resetting(head + noise))
    try:
        outcome = run(make_context(timeout=5.0), url=url_of(server))
    finally:
        server.close()
    if isinstance(outcome, TaskFailed):
        assert outcome.category is FailureCategory.CONNECTION, str(outcome)
        assert str(outcome).startswith(f"GET {url_of(server)} failed: ")
    else:
        assert outcome["size"] <= len(noise)  # it was an answer by chance


@pytest.mark.parametrize("method", ["get", "head"])
def test_what_comes_behind_an_answer_is_not_the_next_one(
    method: str, socket_server: Start, no_socket_stays: None
) -> None:
    first = OK + b"Content-Length: 2\r\n\r\n" + (b"" if method == "head" else b"ok")
    forged = b"HTTP/1.1 200 OK\r\nX-Forged: yes\r\nContent-Length: 6\r\n\r\nforged"
    server = socket_server(sending(first + forged))

    async def two_tasks() -> list[dict[str, Any]]:
        results = [await requested(method=method, url=url_of(server)) for _ in range(2)]
        await close_transports()
        return results

    for result in asyncio.run(two_tasks()):
        assert "x-forged" not in result["headers"]


def test_failures_in_a_row_leave_no_socket_open(socket_server: Start) -> None:
    servers = {name: socket_server(talk) for name, talk in BROKEN.items()}
    before = sockets()
    started = time.monotonic()
    for server in servers.values():
        for _ in range(3):
            fail(url=url_of(server))
    until(lambda: sockets() <= before)
    assert time.monotonic() - started < 60


def run(ctx: Any, **payload: Any) -> Any:
    try:
        return send(ctx, **payload)
    except TaskFailed as failure:
        return failure
