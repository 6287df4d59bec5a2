"""What an HTTP answer, or the lack of one, means for the task."""

import os
import re
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from tasks.exceptions import TaskFailed
from tasks.states import FailureCategory

LONGEST_RETRY_AFTER = 86_400.0

# RFC 9110, 15.5.9 and RFC 8470, 5.2: the request may be repeated as it is.
_WORTH_REPEATING = frozenset({408, 425})

_SILENT: dict[type[httpx.HTTPError], str] = {
    httpx.ConnectTimeout: "no connection within the connect timeout",
    httpx.ReadTimeout: "the server did not answer in time",
    httpx.WriteTimeout: "the server did not take the request in time",
}


def unexpected_status(name: str, response: httpx.Response, expected: str, details: Any) -> TaskFailed:
    """Returns the failure of a request that was answered by another status than the payload expects.

    5xx and 429 may be tried again, and 408 and 425. Of the others only those that carry Retry-After, because the server
    then asks for it: 4xx, and any status below 400 that was not expected. The latter have the category of 4xx too:
    the exchange worked, and it is the request or its expectations that somebody has to change.
    """
    status, wait = response.status_code, retry_after(response.headers)
    message = f"{name} answered {status_line(status)}"
    if status == 429:
        category, retryable = FailureCategory.RATE_LIMITED, True
    elif status >= 500:
        category, retryable = FailureCategory.HTTP_5XX, True
    else:
        category, retryable = FailureCategory.HTTP_4XX, status in _WORTH_REPEATING or wait is not None
        if status < 400:
            message += f"; expected {expected}"
    return TaskFailed(message, category=category, retryable=retryable, retry_after=wait, details=details)


def unusable_answer(name: str, response: httpx.Response, fault: str, details: Any) -> TaskFailed:
    """Returns the failure of a request whose answer leads nowhere, like any unexpected status below 500."""
    return TaskFailed(
        f"{name} answered {status_line(response.status_code)}: it {fault}",
        category=FailureCategory.HTTP_4XX,
        retry_after=retry_after(response.headers),
        details=details,
    )


def failed_exchange(name: str, error: httpx.HTTPError, *, has_begun: bool) -> TaskFailed:
    """Returns the failure of a request that got no whole answer; `has_begun`: its headers came."""
    category = FailureCategory.CONNECTION
    if isinstance(error, httpx.TimeoutException):
        category = FailureCategory.TIMEOUT
    elif isinstance(error, httpx.LocalProtocolError):
        category = FailureCategory.INVALID_PAYLOAD
    return TaskFailed(f"{name} failed: {_reason(error, has_begun)}", category=category)


def status_line(status: int) -> str:
    """Returns "503 Service Unavailable". The phrase is the standard's: a server may send anything as its own."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def retry_after(headers: httpx.Headers) -> float | None:
    """Returns Retry-After in seconds, from 0 to a day, or None where there is none that can be read.

    A date is compared with the response's own Date, if any: the server's clock set both (RFC 9110, 10.2.3).
    """
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,18}", text):
        return min(float(text), LONGEST_RETRY_AFTER)
    until = _date(text)
    if until is None:
        return None
    now = _date(headers.get("date", "")) or datetime.now(UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _reason(error: httpx.HTTPError, has_begun: bool) -> str:
    """Returns the cause in words. httpx's own text is often empty or "All connection attempts failed"."""
    if has_begun and isinstance(error, httpx.ReadTimeout):
        return "the answer did not end in time"
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate was not accepted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {cause.reason or cause}"
        if isinstance(cause, OSError) and cause.errno and not isinstance(cause, socket.gaierror):
            return os.strerror(cause.errno)
    if isinstance(error, httpx.LocalProtocolError):
        return f"the request cannot be sent: {error}"
    if isinstance(error, httpx.RemoteProtocolError):
        return f"the server broke the protocol: {error}"
    return str(error) or _SILENT.get(type(error), "the connection broke")


def _chain(error: BaseException | None) -> list[BaseException]:
    """Returns the exceptions behind an error, the innermost first: httpx, httpcore and anyio each wrap the last one."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.insert(0, error)
        error = error.__cause__ or error.__context__
    return chain
