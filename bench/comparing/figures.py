"""What is compared: the figures, and which measure yields them. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    title: str
    unit: str
    more_is_better: bool = True


# The keys of the measures of full mode; `embedded` is the whole of the other mode.
MEASURES = ("work", "idle", "http")

FIGURES = {
    "submit_one": Figure("submit, one by one", "tasks/s"),
    "submit_bulk": Figure("submit, in bulk", "tasks/s"),
    "drain_one": Figure("drain, submitted one by one", "tasks/s"),
    "drain_bulk": Figure("drain, submitted in bulk", "tasks/s"),
    "idle_p50": Figure("submit to start, idle, p50", "ms", more_is_better=False),
    "idle_p99": Figure("submit to start, idle, p99", "ms", more_is_better=False),
    "http": Figure("1,000 HTTP calls of 100 ms", "s", more_is_better=False),
}
