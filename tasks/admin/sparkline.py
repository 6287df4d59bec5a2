"""Small pictures of deaths over time: bars in SVG, made of numbers alone."""

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

HEIGHT, BAR, GAP = 20, 3, 1


def sparkline(counts: list[int], words: str) -> SafeString:
    """Returns one bar a count, the newest on the right; `words` say in text what it shows."""
    most = max(counts, default=0)
    width = len(counts) * (BAR + GAP)
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}" class="{}"></rect>',
        (
            (place * (BAR + GAP), HEIGHT - _height(count, most), BAR, _height(count, most), _word(count))
            for place, count in enumerate(counts)
        ),
    )
    return format_html(
        '<svg class="ty-spark" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">'
        "<title>{}</title>{}</svg>",
        width, HEIGHT, width, HEIGHT, words, words, bars,
    )  # fmt: skip


def _height(count: int, most: int) -> int:
    return 1 if not count else max(3, round(count / most * HEIGHT))


def _word(count: int) -> str:
    return "ty-spark-some" if count else "ty-spark-none"
