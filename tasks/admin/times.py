"""Times and lengths of time in the words of the pages."""

from datetime import UTC, datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

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


def age(moment: datetime | None, now: datetime) -> SafeString | None:
    """Returns the age for a column of a list; the exact time appears under the pointer."""
    return None if moment is None else _element(moment, since(moment, now))


def stamp_and_age(moment: datetime | None, now: datetime) -> SafeString | None:
    return None if moment is None else _element(moment, f"{stamp(moment)} · {since(moment, now)}")


def _element(moment: datetime, words: str) -> SafeString:
    exact = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    title = f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S.%f %Z}"
    return format_html('<time class="ty-nowrap" datetime="{}" title="{}">{}</time>', exact, title, words)
