"""Times on pages: in words, with the exact time under the pointer."""

from datetime import UTC, datetime

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from tasks.wording import since, span, stamp

__all__ = ["age", "since", "span", "stamp", "stamp_and_age"]


def age(moment: datetime | None, now: datetime) -> SafeString | None:
    """Returns the age for a column of a list; the exact time appears under the pointer."""
    return None if moment is None else _element(moment, since(moment, now))


def stamp_and_age(moment: datetime | None, now: datetime) -> SafeString | None:
    return None if moment is None else _element(moment, f"{stamp(moment)} · {since(moment, now)}")


def _element(moment: datetime, words: str) -> SafeString:
    exact = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    title = f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S.%f %Z}"
    return format_html('<time class="ty-nowrap" datetime="{}" title="{}">{}</time>', exact, title, words)
