"""Times, lengths of time and names in words, for sentences and for pages."""

import re
from datetime import datetime

from django.utils import timezone

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """Returns a length of time in its two largest units: 312 ms, 4.2 s, 3 min 12 s, 2 h 5 min."""
    if seconds < 0.0005:
        return "< 1 ms"
    if seconds < 0.9995:
        return f"{round(seconds * 1000)} ms"
    if seconds < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    left, words = round(seconds), []
    for size, unit in _UNITS:
        if left >= size:
            words.append(f"{left // size} {unit}")
            left %= size
    return " ".join(words[:2])


def since(moment: datetime, now: datetime) -> str:
    """Returns how long ago the moment was, or how far it is ahead, in its largest unit."""
    seconds = round((now - moment).total_seconds())
    for size, unit in _UNITS:
        if abs(seconds) >= size:
            words = f"{abs(seconds) // size} {unit}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "now"


def stamp(moment: datetime) -> str:
    """Returns the moment in the installation's zone, to the second."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"


# Control characters but for the ends of lines and tabs; and what is not seen itself but changes how the rest is: signs
# of the direction of writing, spaces without width. Joiners stay: scripts and emojis need them.
_UNSEEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb"
    "\\U000e0000-\\U000e007f]"
)


def has_unseen(text: str) -> bool:
    """Tells whether `visible` would change more than the ends of lines."""
    return _UNSEEN.search(text) is not None


def visible(text: str) -> str:
    """Returns the text with what would not be seen written as in JSON: no stored text shall look like another one."""
    return _UNSEEN.sub(_written, text.replace("\r\n", "\n"))


def _written(found: re.Match[str]) -> str:
    return "".join(f"\\u{unit:04x}" for unit in memoryview(found[0].encode("utf-16-le")).cast("H"))


def quoted(text: str, length: int = 60) -> str:
    """Returns a name for use within a sentence: in one line, what is not seen written out, and not too long."""
    words = " ".join(visible(text).split())
    return f'"{words if len(words) <= length else words[: length - 1].rstrip() + "…"}"'


def number_of(count: int, noun: str, nouns: str = "") -> str:
    """Returns a count with its noun: 1 task, 2,000 tasks."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"
