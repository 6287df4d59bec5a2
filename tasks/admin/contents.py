"""Payloads, results, logs and tracebacks: who may see them, and how they are written out, with secrets masked."""

import json
from typing import Any

from django.http import HttpRequest

from tasks.masking import masked, masked_text
from tasks.wording import visible

SEE_CONTENTS = "tasks.view_payload"


def may_see_contents(request: HttpRequest) -> bool:
    """What a task carries may be secret: it is a permission of its own."""
    return request.user.has_perm(SEE_CONTENTS)


def pretty(value: Any) -> str:
    return visible(json.dumps(masked(value), indent=2, ensure_ascii=False))


def shown(text: str) -> str:
    """Returns a stored text with secrets masked and what would not be seen written out."""
    return visible(masked_text(text))


def shortened(text: str, length: int = 120) -> str:
    """Returns the first line, cut to the length, for a column of a list."""
    first, _, rest = text.strip().partition("\n")
    if len(first) > length:
        return f"{first[: length - 1].rstrip()}…"
    return f"{first} …" if rest else first


def error_line(error_class: str, message: str) -> str:
    """Returns the error as Python writes it."""
    return ": ".join(part for part in (visible(error_class), shown(message)) if part)
