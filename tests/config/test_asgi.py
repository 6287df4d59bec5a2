"""How the web runs a request: in one thread, but for coroutines and streams, which the event loop runs."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.signals import request_finished, request_started
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from config.asgi import Handler

Threads = list[tuple[str, int]]
seen: Threads = []


def note(who: str) -> None:
    seen.append((who, threading.get_ident()))


def outer(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        note("before")
        response = get_response(request)
        note("after")
        return response

    return middleware


def plain(request: HttpRequest) -> HttpResponse:
    note("view")
    return JsonResponse({"length": len(request.body)})


async def coroutine(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    note("view")
    return HttpResponse(b"from the loop")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(2):
            note("part")
            yield f"part {number};".encode()
            await asyncio.sleep(0)

    return StreamingHttpResponse(parts())


def fails(request: HttpRequest) -> HttpResponse:
    raise LookupError("a view's own")


urlpatterns = [path("plain", plain), path("coroutine", coroutine), path("stream", stream), path("fails", fails)]


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = [f"{__name__}.outer", "django.middleware.common.CommonMiddleware", f"{__name__}.outer"]
    seen.clear()


def get(address: str, body: bytes = b"") -> tuple[int, bytes, int]:
    """Returns the status, the answer and the event loop's thread."""
    return *asyncio.run(ask(Handler(), address, body)), threading.get_ident()


async def ask(application: Handler, address: str, body: bytes = b"") -> tuple[int, bytes]:
    scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": address, "query_string": b"",
             "headers": [(b"host", b"localhost")], "asgi": {"version": "3.0"}}  # fmt: skip
    browser = ApplicationCommunicator(application, scope)
    await browser.send_input({"type": "http.request", "body": body})
    start = await browser.receive_output(5)
    parts: list[dict[str, Any]] = []
    while not parts or parts[-1].get("more_body"):
        parts.append(await browser.receive_output(5))
    await browser.wait(5)
    return start["status"], b"".join(part.get("body", b"") for part in parts)


def threads_of(*who: str) -> set[int]:
    return {thread for name, thread in seen if name in who}


def test_middlewares_and_the_view_run_in_one_thread_that_is_not_the_loops() -> None:
    status, answer, loop = get("/plain", b"12345")
    assert (status, answer) == (200, b'{"length": 5}')
    assert [name for name, _ in seen] == ["before", "before", "view", "after", "after"]
    assert len(threads_of("before", "view", "after")) == 1
    assert loop not in threads_of("view")


def test_what_is_tidied_up_around_a_request_is_in_its_thread() -> None:
    def started(**_: Any) -> None:
        note("started")

    def finished(**_: Any) -> None:
        note("finished")

    request_started.connect(started)
    request_finished.connect(finished)
    try:
        get("/plain")
    finally:
        request_started.disconnect(started)
        request_finished.disconnect(finished)
    assert [name for name, _ in seen if name in ("started", "finished")] == ["started", "finished"]
    assert len(threads_of("started", "view", "finished")) == 1  # a connection to the database is the thread's


def test_a_coroutine_runs_in_the_loop() -> None:
    status, answer, loop = get("/coroutine")
    assert (status, answer) == (200, b"from the loop")
    assert threads_of("view") == {loop}


def test_a_stream_is_sent_by_the_loop() -> None:
    status, answer, loop = get("/stream")
    assert (status, answer) == (200, b"part 0;part 1;")
    assert threads_of("part") == {loop}


def test_requests_run_beside_each_other() -> None:
    together = threading.Barrier(2, timeout=5)

    def meet(request: HttpRequest) -> HttpResponse:
        together.wait()
        return HttpResponse()

    async def both() -> list[tuple[int, bytes]]:
        application = Handler()
        return list(await asyncio.gather(*(ask(application, "/meet") for _ in range(2))))

    urlpatterns.append(path("meet", meet))
    assert asyncio.run(both()) == [(200, b""), (200, b"")]


def test_a_view_that_raises_is_an_error_of_the_server(settings: Any) -> None:
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    assert get("/fails")[0] == 500
