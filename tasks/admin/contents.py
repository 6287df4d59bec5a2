"""Payloads, results, logs and tracebacks: who may see them, and how they are written out, with secrets masked."""

import json
from typing import Any

from django.http import HttpRequest

from tasks.masking import masked, masked_text


def may_see_contents(request: HttpRequest) -> bool:
    """What a task carries may be secret: it is a permission of its own."""
    return request.user.has_perm("tasks.view_payload")


def pretty(value: Any) -> str:
    return json.dumps(masked(value), indent=2, ensure_ascii=False)


def shortened(text: str, length: int = 120) -> str:
    """Returns the first line, cut to the length, for a column of a list."""
    first, _, rest = text.strip().partition("\n")
    if len(first) > length:
        return f"{first[: length - 1].rstrip()}…"
    return f"{first} …" if rest else first


def error_line(error_class: str, message: str) -> str:
    """Returns the error as Python writes it."""
    return ": ".join(part for part in (error_class, masked_text(message)) if part)
