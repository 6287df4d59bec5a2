"""What of an HTTP exchange may be shown: URLs and headers without the secrets that they tend to carry."""

import httpx

from tasks.masking import MASK, is_secret_name, masked_text

MOST_HEADERS = 100
LONGEST_HEADER = 4_000


def short_url(url: httpx.URL) -> str:
    """Returns the URL for a message: scheme, host and path. The query is left out, because its values may be secret."""
    bare = url.copy_with(userinfo=b"", query=None, fragment=None)
    return f"{bare}?…" if url.query else str(bare)


def shown_url(url: httpx.URL) -> str:
    """Returns the URL for a result: without user and password, and with secret-looking parameters masked."""
    return masked_text(str(url.copy_with(userinfo=b"")))


def shown_headers(headers: httpx.Headers) -> dict[str, str]:
    """Returns the headers by lower-case name, repeated ones joined by a comma, with secrets masked.

    A server may send a flood of them: long ones are cut, and of many the first ones are kept.
    """
    pairs = list(headers.items())
    shown = {name[:LONGEST_HEADER]: _shown_value(name, value) for name, value in pairs[:MOST_HEADERS]}
    if len(pairs) > MOST_HEADERS:
        shown["…"] = f"{len(pairs) - MOST_HEADERS:,} more"
    return shown


def _shown_value(name: str, value: str) -> str:
    if is_secret_name(name, within="headers"):
        return MASK
    text = masked_text(value)
    return text if len(text) <= LONGEST_HEADER else f"{text[: LONGEST_HEADER - 1]}…"
