"""When a queue is overloaded, and what is said of its state first."""

from typing import Any

import pytest

from tasks.models import Queue
from tasks.overload import Rule, states_of
from tasks.queue_figures import QueueFigures
from tasks.states import QueueState, TaskStatus


@pytest.fixture(autouse=True)
def _thresholds(settings: Any) -> None:
    settings.OVERLOAD_DEPTH, settings.OVERLOAD_DEPTH_IN_ALL = 100, 200
    settings.OVERLOAD_OLDEST_SECONDS, settings.OVERLOAD_DRAIN_SECONDS = 60, 600


def figures(pending: int = 0, queued: int = 0, running: int = 0, **more: Any) -> QueueFigures:
    found = QueueFigures("q", listening=2, out_per_second=10.0)
    found.counts |= {TaskStatus.PENDING: pending, TaskStatus.QUEUED: queued, TaskStatus.PROCESSING: running}
    for name, value in more.items():
        setattr(found, name, value)
    return found


def codes(found: QueueFigures, **queue: Any) -> list[str]:
    return [reason.code for reason in Rule.of_settings().reasons(Queue(name="q", **queue), found)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (figures(), []),
        (figures(99), []),
        (figures(60, 40), ["depth"]),
        (figures(running=500), []),  # what runs does not wait
        (figures(1, oldest_seconds=59.9), []),
        (figures(1, oldest_seconds=60.0), ["oldest"]),
        (figures(50, out_per_second=0.08), ["drain"]),
        (figures(50, out_per_second=0.0), []),  # it never drains: its oldest will tell
        (figures(50, out_per_second=None), []),
        (figures(1, listening=0), ["no_workers"]),
        (figures(listening=0), []),
        (figures(100, oldest_seconds=61, out_per_second=0.1, listening=0), ["depth", "drain", "oldest", "no_workers"]),
    ],
)
def test_the_rule(found: QueueFigures, expected: list[str]) -> None:
    assert codes(found) == expected
    assert codes(found, paused=True) == []


def test_all_together_have_a_rule_of_their_own() -> None:
    def in_all(found: QueueFigures) -> list[str]:
        return [reason.code for reason in Rule.of_settings().reasons_in_all(found)]

    assert in_all(figures(199)) == []
    assert in_all(figures(200)) == ["depth"]
    assert in_all(figures(100, out_per_second=0.1, oldest_seconds=1_000, listening=0)) == ["drain"]


def test_a_capped_depth_is_said_to_be_one() -> None:
    capped = figures(100, at_least={TaskStatus.PENDING}, out_per_second=0.1)
    words = [reason.words for reason in Rule.of_settings().reasons(Queue(name="q"), capped)]
    assert words == ["more than 100 tasks wait", "working off what waits takes more than 16 min 40 s"]


@pytest.mark.parametrize(
    ("queue", "found", "expected"),
    [
        ({}, figures(5), [(QueueState.OPEN, "")]),
        ({}, figures(listening=0), [(QueueState.UNSERVED, "no worker listens")]),
        ({}, figures(5, listening=0), [(QueueState.OVERLOADED, "no worker listens")]),
        ({"paused": True, "pause_reason": "down"}, figures(500), [(QueueState.PAUSED, "down")]),
        ({"paused": True}, figures(), [(QueueState.PAUSED, "no reason was given")]),
        ({"concurrency_limit": 3}, figures(5, 1, 1), [(QueueState.OPEN, "")]),
        ({"concurrency_limit": 2}, figures(5, 1, 1), [(QueueState.LIMITED, "2 of 2 at once are under way")]),
        ({"concurrency_limit": 2}, figures(running=2), [(QueueState.OPEN, "")]),  # nothing is held up
        ({"rate_limit": 0.5}, figures(5), [(QueueState.LIMITED, "no more than 0.5 a second are started")]),
        (
            {"rate_limit": 0.5},
            figures(100),
            [
                (QueueState.OVERLOADED, "100 tasks wait"),
                (QueueState.LIMITED, "no more than 0.5 a second are started"),
            ],
        ),
    ],
)
def test_states(queue: dict[str, Any], found: QueueFigures, expected: list[tuple[QueueState, str]]) -> None:
    assert states_of(Queue(name="q", **queue), found) == expected


def test_the_rule_in_words_has_all_its_numbers() -> None:
    words = Rule.of_settings().in_words()
    for number in ("100 tasks", "200 tasks", "1 min", "10 min"):
        assert number in words
