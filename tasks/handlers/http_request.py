"""The type `http_request`: sends a request, follows redirects and returns the answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tasks.context import TaskContext
from tasks.exceptions import TaskFailed
from tasks.handlers.address_guard import AddressRefused
from tasks.handlers.http_body import Body, read_body, shown_body
from tasks.handlers.http_call import Call, UnusableRedirect, first_call
from tasks.handlers.http_disclosure import shown_headers, shown_url
from tasks.handlers.http_payload import HttpRequest
from tasks.handlers.http_transports import transport
from tasks.handlers.http_verdict import failed_exchange, status_line, unexpected_status, unusable_answer
from tasks.registry import handler
from tasks.states import FailureCategory

# The engine interrupts at the task's timeout. A silent server is given up just before: only here its name is known.
_BEFORE_THE_TIMEOUT = 0.1
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@handler("http_request", payload=HttpRequest, queue="http", timeout=60.0)
async def http_request(ctx: TaskContext, payload: HttpRequest) -> dict[str, Any]:
    """Sends an HTTP request and returns the answer; a status that is not expected fails the task.

    The result holds status, url, http_version, headers, duration_ms, size, truncated and one of json, text and base64.
    """
    started = time.monotonic()
    try:
        call = first_call(ctx, payload)
    except ValueError as error:  # HTTP_BASE_URL was taken away after the task was submitted
        raise TaskFailed(str(error), category=FailureCategory.INVALID_PAYLOAD) from None
    while True:
        async with _answer(ctx, payload, call) as response:
            location = response.headers.get("location", "")
            if not (payload.follow_redirects and location and response.status_code in _REDIRECTS):
                return await _judged(payload, call, response, started)
            try:
                following = call.redirected(response.status_code, location)
            except UnusableRedirect as error:
                details = _result(call, response, await read_body(response, payload.limit), started)
                raise unusable_answer(call.name, response, str(error), details) from None
        ctx.log.info("redirected", by=call.target, status=response.status_code, to=following.target)
        call = following


@asynccontextmanager
async def _answer(ctx: TaskContext, payload: HttpRequest, call: Call) -> AsyncIterator[httpx.Response]:
    """Sends the call and lends the answer. Raises TaskFailed, also for faults while the borrower reads the body."""
    remaining = max(0.0, ctx.remaining - _BEFORE_THE_TIMEOUT)
    timeouts = {"connect": min(payload.connect_timeout, remaining), "read": remaining, "write": remaining}
    has_begun = False
    request = httpx.Request(
        call.method, call.url, headers=call.headers, content=call.content, extensions={"timeout": timeouts}
    )
    try:
        # A server that sends a byte now and then keeps within the timeout of each read.
        async with asyncio.timeout(remaining):
            response = await transport(verify_tls=payload.verify_tls).handle_async_request(request)
            has_begun = True
            try:
                yield response
            finally:
                await response.aclose()
    except AddressRefused as error:
        raise TaskFailed(f"{call.name} failed: {error}", category=error.category, retryable=error.retryable) from None
    except httpx.HTTPError as error:
        # Three libraries wrapped one cause: their traceback would tell nothing that the message does not.
        raise failed_exchange(call.name, error, has_begun=has_begun) from None
    except TimeoutError:
        raise failed_exchange(call.name, httpx.ReadTimeout(""), has_begun=has_begun) from None


async def _judged(payload: HttpRequest, call: Call, response: httpx.Response, started: float) -> dict[str, Any]:
    body = await read_body(response, payload.limit)
    result = _result(call, response, body, started)
    if not payload.expects(response.status_code):
        expected = ", ".join(str(each) for each in payload.expected_status)
        raise unexpected_status(call.name, response, expected, result)
    if body.fault:
        raise TaskFailed(
            f"{call.name} answered {status_line(response.status_code)}, but its body {body.fault}",
            category=FailureCategory.CONNECTION,
            details=result,
        )
    return result


def _result(call: Call, response: httpx.Response, body: Body, started: float) -> dict[str, Any]:
    return {
        "status": response.status_code,
        "url": shown_url(call.url),
        "http_version": response.http_version,
        "headers": shown_headers(response.headers),
        "duration_ms": round((time.monotonic() - started) * 1000, 1),
        "size": len(body.data),
        "truncated": body.truncated,
        **shown_body(body, response.headers.get("content-type", "")),
    }
