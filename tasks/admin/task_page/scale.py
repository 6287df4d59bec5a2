"""From moments to places on a picture. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime

IDLE_SHARE = 1.5  # times what it ran: a longer idle time is drawn shorter, so that what happened stays visible

Span = tuple[datetime, datetime]


class Scale:
    """Maps time to 0 … 100. It is true to length, but for long idle times among short runs: those are cut."""

    def __init__(self, start: datetime, end: datetime, runs: Iterable[Span]) -> None:
        busy = [(max(start, begun), min(end, ended)) for begun, ended in runs if ended > start]
        self._moments = sorted({start, end, *(moment for span in busy for moment in span if start <= moment <= end)})
        lengths = [(b - a).total_seconds() for a, b in zip(self._moments, self._moments[1:], strict=False)]
        is_run = [any(begun <= a < ended for begun, ended in busy) for a in self._moments[:-1]]
        ran = sum(length for length, run in zip(lengths, is_run, strict=True) if run)
        idle = [length for length, run in zip(lengths, is_run, strict=True) if not run]
        self._longest = _longest(idle, ran * IDLE_SHARE) if ran else float("inf")
        places = [0.0]
        for length, run in zip(lengths, is_run, strict=True):
            places.append(places[-1] + (length if run else min(length, self._longest)))
        whole = places[-1] or 1.0
        self._places = [place / whole * 100 for place in places]

    def place(self, moment: datetime) -> float:
        index = min(max(bisect_right(self._moments, moment) - 1, 0), len(self._moments) - 2)
        if index < 0:
            return 0.0
        begin, end = self._moments[index], self._moments[index + 1]
        part = (moment - begin) / (end - begin)
        return self._places[index] + min(max(part, 0.0), 1.0) * (self._places[index + 1] - self._places[index])

    def is_cut(self, begin: datetime, end: datetime) -> bool:
        """Tells whether an idle time is drawn shorter than it was."""
        return (end - begin).total_seconds() > self._longest * 1.01


def _longest(lengths: Sequence[float], whole: float) -> float:
    """Returns to what the longer lengths are to be cut so that all together are no longer than `whole`."""
    left = whole
    for number, length in enumerate(sorted(lengths)):
        share = left / (len(lengths) - number)
        if length > share:
            return share
        left -= length
    return float("inf")
