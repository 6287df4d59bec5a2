"""One request of an exchange as it goes over the wire: the first one from the payload, the next ones from redirects."""

import base64
import time
from dataclasses import dataclass, replace

import httpx

from tasks.context import TaskContext
from tasks.handlers.http_disclosure import short_url
from tasks.handlers.http_payload import HttpRequest, encoded_pairs, resolved_url
from tasks.handlers.http_signing import SIGNING_HEADERS, secrets_of, signed_headers

MAX_REDIRECTS = 5
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
USER_AGENT = "Taskyard/1.0"

_DEFAULT_PORTS = {"http": 80, "https": 443}
# Any other header may be a secret under a name nobody knows.
_HARMLESS_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "content-encoding",
        "content-language",
        "content-type",
        "idempotency-key",
        "range",
        "user-agent",
        "x-taskyard-attempt",
        "x-taskyard-task",
    }
)
# What belongs to a body that is not sent on.
_OF_THE_BODY = SIGNING_HEADERS | {"idempotency-key"}


class UnusableRedirect(Exception):
    """The Location cannot be followed; the message says why and holds nothing of its secrets."""


@dataclass(frozen=True)
class Call:
    method: str
    url: httpx.URL  # without user, password and fragment
    headers: httpx.Headers
    content: bytes
    redirects: int = 0
    came_from: httpx.URL | None = None  # the first URL, where redirects led on from it

    @property
    def target(self) -> str:
        return f"{self.method} {short_url(self.url)}"

    @property
    def name(self) -> str:
        """What messages call it: "GET https://host/path"."""
        return f"{self.target} (redirected from {short_url(self.came_from)})" if self.came_from else self.target

    def redirected(self, status: int, location: str) -> "Call":
        """Returns the request that the redirect asks for. Raises UnusableRedirect.

        The method changes as in browsers (Fetch Standard, 4.4 HTTP-redirect fetch): POST becomes GET by 301 and 302,
        everything but HEAD by 303. On the way to another origin all headers are dropped that are not known as harmless.
        """
        if self.redirects == MAX_REDIRECTS:
            raise UnusableRedirect(f"was redirected more than {MAX_REDIRECTS} times")
        try:
            url = self.url.join(location)
        except (httpx.InvalidURL, ValueError):
            raise UnusableRedirect("was redirected to something that is not a valid URL") from None
        if url.scheme not in ("http", "https"):
            raise UnusableRedirect(f"was redirected to {url.scheme}:, and only http and https are followed")
        if not url.host:
            raise UnusableRedirect("was redirected to a URL without a host")
        url = url.copy_with(userinfo=b"", fragment=None)
        method, headers, content = self.method, self.headers.copy(), self.content
        if (status in (301, 302) and method == "POST") or (status == 303 and method not in ("GET", "HEAD")):
            method, content = "GET", b""
            for name in [name for name in headers if name.startswith("content-") or name in _OF_THE_BODY]:
                del headers[name]
        if not _keeps_secrets(self.url, url):
            for name in [name for name in headers if name not in _HARMLESS_HEADERS]:
                del headers[name]
        return replace(
            self,
            method=method,
            url=url,
            headers=headers,
            content=content,
            redirects=self.redirects + 1,
            came_from=self.came_from or self.url,
        )


def first_call(ctx: TaskContext, payload: HttpRequest) -> Call:
    """Returns the payload's request with the headers that Taskyard adds. Raises ValueError if its URL is unusable."""
    url = resolved_url(payload.url)
    if payload.params:
        query = b"&".join(part for part in (url.query, encoded_pairs(payload.params).encode()) if part)
        url = url.copy_with(query=query)
    headers = httpx.Headers(payload.headers)
    content, content_type = payload.content()
    if content_type:
        headers.setdefault("Content-Type", content_type)
    if url.userinfo:
        credentials = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        headers.setdefault("Authorization", f"Basic {credentials}")
    headers.setdefault("Accept", "*/*")
    # Exactly what `http_response` can unpack in bounded memory.
    headers.setdefault("Accept-Encoding", "gzip, deflate")
    headers.setdefault("User-Agent", USER_AGENT)
    headers["X-Taskyard-Task"] = str(ctx.task_id)
    headers["X-Taskyard-Attempt"] = str(ctx.attempt)
    if payload.method not in SAFE_METHODS:
        headers.setdefault("Idempotency-Key", ctx.idempotency_key)
    if payload.sign is not None:
        # Made anew at each attempt: receivers refuse old timestamps, and know a repeat by the id.
        stamp = int(time.time())
        secrets = secrets_of(payload.sign)
        headers.update(signed_headers(secrets, message_id=ctx.idempotency_key, timestamp=stamp, body=content))
    return Call(payload.method, url.copy_with(userinfo=b"", fragment=None), headers, content)


def _keeps_secrets(old: httpx.URL, new: httpx.URL) -> bool:
    """Tells whether both have the same origin, or the new one is the same host's default https port for http."""
    if _origin(old) == _origin(new):
        return True
    return _origin(old) == ("http", new.host, 80) and _origin(new) == ("https", new.host, 443)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or _DEFAULT_PORTS.get(url.scheme)
