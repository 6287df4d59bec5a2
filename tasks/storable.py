"""Makes texts and values such that both databases hold them: PostgreSQL takes no NUL and no lone surrogate."""

import json
import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def storable_text(text: str, limit: int) -> str:
    """Returns the text with NUL and lone surrogates written out, cut in its middle to about the limit."""
    text = text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) <= limit:
        return text
    half = (limit - 40) // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def storable_json(value: Any, *, limit: int) -> str:
    """Returns the value as JSON with NUL and lone surrogates written out as text.

    Raises ValueError, with words for people, for what JSON cannot hold and for more than `limit` bytes.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"JSON cannot hold it: {error}") from error
    text = _NUL.sub(r"\1\\\\u0000", text)
    text = _SURROGATE.sub(lambda found: f"\\\\u{ord(found.group()):04x}", text)
    size = len(text.encode())
    if size > limit:
        raise ValueError(f"it has {size:,} bytes; the limit is {limit:,} bytes")
    return text


def is_storable_json(text: str) -> bool:
    """Tells whether JSON that was made without ASCII escapes is free of NUL and lone surrogates."""
    return not _NUL.search(text) and not _SURROGATE.search(text)
