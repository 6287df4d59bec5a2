"""Makes texts and values such that both databases hold them: PostgreSQL takes no NUL and no lone surrogate."""

import json
import re
from typing import Any

DEEPEST = 100  # lists and objects within each other: readers of JSON give up somewhere above

_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]')  # or a string, whose brackets do not count
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

    Raises ValueError, with words for people, for what JSON cannot hold, for more than `limit` bytes and for more than
    DEEPEST levels.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except Exception as error:  # the value may be a stranger's class, and raise whatever it likes
        raise ValueError(f"JSON cannot hold it: {error}") from error
    text = _NUL.sub(r"\1\\\\u0000", text)
    text = _SURROGATE.sub(lambda found: f"\\\\u{ord(found.group()):04x}", text)
    size = len(text.encode())
    if size > limit:
        raise ValueError(f"it has {size:,} bytes; the limit is {limit:,} bytes")
    if is_too_deep(text):
        raise ValueError(f"it is nested more than {DEEPEST} levels deep")
    return text


def is_storable_json(text: str) -> bool:
    """Tells whether JSON that was made without ASCII escapes is free of NUL and lone surrogates."""
    return not _NUL.search(text) and not _SURROGATE.search(text)


def is_too_deep(text: str) -> bool:
    """Tells whether JSON has more than DEEPEST levels."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    depth = 0
    for found in _BRACKET.finditer(text):
        if found.group() in ("[", "{"):
            depth += 1
            if depth > DEEPEST:
                return True
        elif found.group() in ("]", "}"):
            depth -= 1
    return False
