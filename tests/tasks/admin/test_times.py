from datetime import UTC, datetime, timedelta

import pytest

from tasks.admin import times

NOON = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "< 1 ms"),
        (0, "< 1 ms"),
        (0.3124, "312 ms"),
        (0.9996, "1 s"),
        (4.21, "4.2 s"),
        (59.96, "1 min"),
        (192, "3 min 12 s"),
        (7500, "2 h 5 min"),
        (86_400 * 3 + 3600 * 4 + 5, "3 d 4 h"),
    ],
)
def test_a_span_has_at_most_two_units(seconds: float, words: str) -> None:
    assert times.span(seconds) == words


@pytest.mark.parametrize(
    ("ago", "words"), [(0, "now"), (12, "12 s ago"), (119, "1 min ago"), (90_000, "1 d ago"), (-7200, "in 2 h")]
)
def test_an_age_has_one_unit_and_knows_the_future(ago: float, words: str) -> None:
    assert times.since(NOON - timedelta(seconds=ago), NOON) == words


def test_a_column_holds_the_exact_time_too() -> None:
    shown = times.age(NOON - timedelta(minutes=3), NOON)
    assert shown is not None
    assert "3 min ago" in shown
    assert 'datetime="2030-01-31T11:57:00.000+00:00"' in shown
    assert times.age(None, NOON) is None


def test_a_stamp_is_in_the_zone_of_the_installation(settings: object) -> None:
    settings.TIME_ZONE = "Europe/Berlin"  # type: ignore[attr-defined]
    assert times.stamp(NOON) == "2030-01-31 13:00:00"
