"""What of an HTTP exchange may be shown: URLs and headers without the secrets that they tend to carry."""

import re
from urllib.parse import quote_plus, unquote_plus

import httpx

MASK = "***"

_SECRET_NAME = re.compile(
    r"authori[sz]ation|cookie|token|secret|passw|api[-_]?key|access[-_]?key|signature|credential|session|csrf|xsrf"
    r"|jwt|^(auth|code|key|pwd|sig)$",
    re.IGNORECASE,
)
_URL_HEADERS = frozenset({"location", "content-location"})


def short_url(url: httpx.URL) -> str:
    """Returns the URL for a message: scheme, host and path. The query is left out, because its values may be secret."""
    bare = url.copy_with(userinfo=b"", query=None, fragment=None)
    return f"{bare}?…" if url.query else str(bare)


def shown_url(url: httpx.URL) -> str:
    """Returns the URL for a result: without user and password, and with secret-looking parameters masked."""
    bare = url.copy_with(userinfo=b"")
    if not url.query:
        return str(bare)
    parts = [_shown_pair(pair) for pair in url.query.decode("ascii", "replace").split("&")]
    return str(bare.copy_with(query="&".join(parts).encode()))


def shown_headers(headers: httpx.Headers) -> dict[str, str]:
    """Returns the headers by lower-case name, repeated ones joined by a comma, with secrets masked."""
    return {name: _shown_value(name, value) for name, value in headers.items()}


def _shown_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={quote_plus(MASK, safe='*')}" if equals and _SECRET_NAME.search(unquote_plus(name)) else pair


def _shown_value(name: str, value: str) -> str:
    if _SECRET_NAME.search(name):
        return MASK
    if name in _URL_HEADERS:
        try:
            return shown_url(httpx.URL(value))
        except (httpx.InvalidURL, ValueError):
            return MASK
    return value
