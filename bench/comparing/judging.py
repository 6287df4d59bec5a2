"""Medians of the rounds, and whether Taskyard keeps its distance to the others. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.comparing.figures import FIGURES

# By mode, contestant and figure.
Key = tuple[str, str, str]
Medians = Mapping[Key, float]


@dataclass(frozen=True)
class Record:
    """What one measure of one contestant said in one round."""

    mode: str
    contestant: str
    measure: str
    round: int
    seconds: float  # that the measure took, with its verification
    load: float  # of the machine when it began
    figures: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Times:
    """Taskyard's rate must be at least so many times another's."""

    figure: str
    factor: float
    other: str
    other_figure: str
    mode: str = "full"

    def judge(self, medians: Medians) -> "Verdict | None":
        own = medians.get((self.mode, "taskyard", self.figure))
        other = medians.get((self.mode, self.other, self.other_figure))
        if own is None or not other:
            return None
        ratio = own / other
        of = "" if self.mode == "full" else ", embedded"
        title = f"{FIGURES[self.figure].title}{of} ÷ {self.other}"
        return Verdict(title, "≥", self.factor, ratio, "times", passed=ratio >= self.factor)


@dataclass(frozen=True)
class Within:
    """Taskyard's figure must not be more than this."""

    figure: str
    limit: float
    mode: str = "full"

    def judge(self, medians: Medians) -> "Verdict | None":
        own = medians.get((self.mode, "taskyard", self.figure))
        if own is None:
            return None
        figure = FIGURES[self.figure]
        return Verdict(figure.title, "≤", self.limit, own, figure.unit, passed=own <= self.limit)


@dataclass(frozen=True)
class Verdict:
    """A floor beside what was measured."""

    title: str
    sign: str
    floor: float
    measured: float
    unit: str
    passed: bool

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


FLOORS: Sequence[Times | Within] = (
    Times("submit_bulk", 15, "celery", "submit_one"),
    Times("drain_bulk", 60, "celery-results", "drain_bulk"),
    Times("drain_bulk", 3, "celery", "drain_bulk"),
    Times("drain_one", 15, "celery-results", "drain_one"),
    Times("drain_one", 1, "celery", "drain_one"),
    Within("idle_p50", 10),
    Within("idle_p99", 50),
    Within("http", 4),
    Times("drain_bulk", 5, "celery-results", "drain_bulk", mode="embedded"),
)


def medians_of(records: Sequence[Record]) -> dict[Key, float]:
    values: dict[Key, list[float]] = {}
    for record in records:
        for figure, value in record.figures.items():
            values.setdefault((record.mode, record.contestant, figure), []).append(value)
    return {key: statistics.median(each) for key, each in values.items()}


def ratio(figure: str, own: float, other: float) -> float:
    """Returns how many times better our own figure is than the other's."""
    return own / other if FIGURES[figure].more_is_better else other / own


def verdicts_of(medians: Medians) -> list[Verdict]:
    """Returns a verdict for each floor of which both sides were measured."""
    return [verdict for floor in FLOORS if (verdict := floor.judge(medians))]
