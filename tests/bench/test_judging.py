"""The comparison's medians, ratios and floors."""

import pytest

from bench.comparing.figures import FIGURES
from bench.comparing.judging import FLOORS, Record, Times, Within, medians_of, ratio, verdicts_of


def record(contestant: str, number: int = 1, mode: str = "full", **figures: float) -> Record:
    return Record(mode, contestant, "work", number, seconds=1.0, load=0.0, figures=figures)


def test_the_median_is_of_the_rounds_of_one_contestant_in_one_mode() -> None:
    records = [
        record("taskyard", 1, drain_bulk=9.0),
        record("taskyard", 2, drain_bulk=1.0),
        record("taskyard", 3, drain_bulk=2.0),
        record("celery", 1, drain_bulk=100.0),
        record("taskyard", 1, "embedded", drain_bulk=50.0),
    ]
    assert medians_of(records) == {
        ("full", "taskyard", "drain_bulk"): 2.0,
        ("full", "celery", "drain_bulk"): 100.0,
        ("embedded", "taskyard", "drain_bulk"): 50.0,
    }


@pytest.mark.parametrize(("own", "passed"), [(300.0, True), (299.0, False)])
def test_a_rate_is_held_against_the_others(own: float, passed: bool) -> None:
    floor = Times("drain_bulk", 3, "celery", "drain_bulk")
    verdict = floor.judge({("full", "taskyard", "drain_bulk"): own, ("full", "celery", "drain_bulk"): 100.0})
    assert verdict is not None
    assert verdict.measured == pytest.approx(own / 100)
    assert verdict.passed is passed


@pytest.mark.parametrize(("own", "passed"), [(10.0, True), (10.1, False)])
def test_a_time_is_held_against_its_limit(own: float, passed: bool) -> None:
    verdict = Within("idle_p50", 10).judge({("full", "taskyard", "idle_p50"): own})
    assert verdict is not None
    assert verdict.passed is passed


def test_a_floor_of_one_mode_does_not_read_the_figures_of_the_other() -> None:
    embedded = Times("drain_bulk", 5, "celery-results", "drain_bulk", mode="embedded")
    full = {("full", "taskyard", "drain_bulk"): 9_000.0, ("full", "celery-results", "drain_bulk"): 100.0}
    assert embedded.judge(full) is None


def test_what_was_not_measured_has_no_verdict() -> None:
    assert verdicts_of({("full", "taskyard", "drain_bulk"): 9_000.0}) == []


def test_every_floor_has_a_verdict_where_everything_was_measured() -> None:
    others = ("taskyard", "celery", "celery-results")
    medians = {(mode, who, key): 1.0 for mode in ("full", "embedded") for who in others for key in FIGURES}
    assert len(verdicts_of(medians)) == len(FLOORS)


def test_better_is_above_one_for_rates_and_for_times() -> None:
    assert ratio("drain_bulk", 200.0, 100.0) == 2.0
    assert ratio("http", 2.0, 50.0) == 25.0
