"""When a failed task may try again."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.retry_policy import LONGEST_DELAY, Backoff, RetryPolicy

SECONDS = st.floats(0, LONGEST_DELAY)
POLICIES = st.builds(
    lambda kind, bounds, factor, jitter: RetryPolicy(
        kind=kind, base=min(bounds), max=max(bounds), factor=factor, jitter=jitter
    ),
    st.sampled_from(Backoff),
    st.tuples(SECONDS, SECONDS),
    st.floats(1, 100),
    st.booleans(),
)
FAILURES = st.integers(1, 10_000)


def timetable(attempts: int = 6, **fields: Any) -> list[float]:
    return RetryPolicy(**fields).timetable(attempts)


def test_the_default_doubles_from_a_second_to_ten_minutes_with_full_jitter() -> None:
    policy = RetryPolicy()
    assert (policy.kind, policy.base, policy.factor, policy.max, policy.jitter) == ("exponential", 1, 2, 600, True)
    assert policy.timetable(6) == [1, 2, 4, 8, 16]
    assert policy.ceiling(11) == 600


def test_each_kind_has_its_timetable() -> None:
    assert timetable(kind="exponential", base=3, factor=10, max=1_000) == [3, 30, 300, 1_000, 1_000]
    assert timetable(kind="linear", base=20, max=70) == [20, 40, 60, 70, 70]
    assert timetable(kind="fixed", base=20) == [20, 20, 20, 20, 20]
    assert timetable(kind="none", base=20) == [0, 0, 0, 0, 0]


def test_a_task_with_one_attempt_has_an_empty_timetable() -> None:
    assert timetable(1) == []


def test_a_slow_growth_goes_on_for_as_long_as_it_is_under_the_maximum() -> None:
    policy = RetryPolicy(base=1, factor=1.05, max=600)
    assert policy.ceiling(100) == pytest.approx(1.05**99)
    assert policy.ceiling(200) == 600


@given(POLICIES, FAILURES)
def test_no_wait_is_shorter_than_the_one_before_or_longer_than_the_maximum(policy: RetryPolicy, failures: int) -> None:
    before, after = policy.ceiling(failures), policy.ceiling(failures + 1)
    assert 0 <= before <= after <= policy.max
    assert math.isfinite(after)


@given(POLICIES, FAILURES, st.floats(0, 1, exclude_max=True))
def test_jitter_draws_evenly_from_zero_to_the_ceiling(policy: RetryPolicy, failures: int, draw: float) -> None:
    ceiling = policy.ceiling(failures)
    wanted = ceiling * draw if policy.jitter else ceiling
    assert policy.delay(failures, draw=draw) == wanted


def test_the_draw_is_random_unless_it_is_given() -> None:
    policy = RetryPolicy(base=100)
    delays = {policy.delay(1) for _ in range(50)}
    assert len(delays) > 40
    assert all(0 <= delay <= 100 for delay in delays)


def test_without_jitter_every_delay_is_the_ceiling() -> None:
    assert {RetryPolicy(base=100, jitter=False).delay(1) for _ in range(10)} == {100}


@given(POLICIES)
def test_a_policy_survives_its_json(policy: RetryPolicy) -> None:
    assert RetryPolicy.model_validate(policy.model_dump(mode="json")) == policy


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"kind": "sometimes"}, "kind"),
        ({"base": -1}, "base"),
        ({"base": LONGEST_DELAY + 1}, "base"),
        ({"base": math.nan}, "base"),
        ({"base": "soon"}, "base"),
        ({"factor": 0.5}, "factor"),
        ({"factor": 101}, "factor"),
        ({"max": math.inf}, "max"),
        ({"max": LONGEST_DELAY + 1}, "max"),
        ({"jitter": "sometimes"}, "jitter"),
        ({"delay": 3}, "delay"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RetryPolicy(**fields)
    assert [error["loc"] for error in caught.value.errors()] == [(path,)]


def test_a_maximum_under_the_base_is_refused() -> None:
    with pytest.raises(ValidationError, match="max is smaller than base"):
        RetryPolicy(base=10, max=5)


def test_what_is_planned_follows_the_timetable() -> None:
    policy = RetryPolicy(base=2, factor=2, max=6, jitter=False)
    # Number 5 is the third that counts: two were lost.
    found = policy.planned(attempt=5, failures=3, max_attempts=6)
    assert [(each.number, each.shortest_wait, each.longest_wait) for each in found] == [(6, 6, 6), (7, 6, 6), (8, 6, 6)]
    assert [each.longest_wait for each in policy.planned(attempt=1, failures=1, max_attempts=4)] == policy.timetable(4)
    assert policy.planned(attempt=3, failures=3, max_attempts=3) == []


def test_with_jitter_an_attempt_may_come_at_once() -> None:
    (found,) = RetryPolicy(base=4).planned(attempt=1, failures=1, max_attempts=2)
    assert (found.number, found.shortest_wait, found.longest_wait) == (2, 0, 4)
