"""Crontabs where clocks are put back and forward: a year of every kind of zone, against a count minute by minute."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django_celery_beat.tzcrontab import TzAwareCrontab

from tasks.services.crontabs import last_due

pytestmark = pytest.mark.embedded  # hundreds of nights, minute by minute

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)

ZONES = [
    "UTC", "Europe/Berlin", "Europe/London", "Europe/Lisbon", "Europe/Athens", "Atlantic/Azores", "America/New_York",
    "America/Los_Angeles", "America/St_Johns", "America/Havana", "America/Santiago", "America/Asuncion", "America/Nuuk",
    "Africa/Cairo", "Africa/Casablanca", "Asia/Beirut", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham",
    "Antarctica/Troll",
]  # fmt: skip
HOURLY = [{"minute": "*/5"}, {"minute": "30"}, {"minute": "0,59"}, {"minute": "15", "day_of_week": "0"}]
FIXED = [
    {"minute": "30", "hour": "2"},
    {"minute": "0", "hour": "0"},
    {"minute": "59", "hour": "23"},
    {"minute": "*/20", "hour": "0-3"},
    {"minute": "15", "hour": "*/2"},
    {"minute": "30", "hour": "1,2", "day_of_week": "0"},
    {"minute": "0", "hour": "2", "day_of_month": "29", "month_of_year": "3"},
]


def a_schedule(zone: str, fields: dict[str, str]) -> TzAwareCrontab:
    return TzAwareCrontab(tz=ZoneInfo(zone), **fields)


@cache
def changes(zone: str) -> list[datetime]:
    """Returns the first moment of each new offset within the year."""
    steps = [BEGIN + each * MINUTE * 15 for each in range(int((END - BEGIN) / (15 * MINUTE)))]
    offsets = [step.astimezone(ZoneInfo(zone)).utcoffset() for step in steps]
    return [steps[index] for index in range(1, len(steps)) if offsets[index] != offsets[index - 1]]


def matches(schedule: TzAwareCrontab, wall: datetime) -> bool:
    return (
        wall.minute in schedule.minute
        and wall.hour in schedule.hour
        and wall.isoweekday() % 7 in schedule.day_of_week
        and wall.day in schedule.day_of_month
        and wall.month in schedule.month_of_year
    )


def expected(schedule: TzAwareCrontab, zone: str, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Goes minute by minute along the wall clock, as somebody who looks at it would, and yields what is due."""
    hourly = len(schedule.hour) == 24
    shown = begin.astimezone(schedule.tz).replace(tzinfo=None) - MINUTE
    moment, latest = begin, shown
    while moment < end:
        shown = moment.astimezone(schedule.tz).replace(tzinfo=None)
        left_out = [latest + each * MINUTE for each in range(1, int((shown - latest) / MINUTE))]
        again = shown <= latest
        if hourly:
            due = matches(schedule, shown)
        else:
            due = (not again and matches(schedule, shown)) or any(matches(schedule, wall) for wall in left_out)
        if due:
            yield moment
        latest = max(latest, shown)
        moment += MINUTE


def stretches(zone: str) -> list[tuple[datetime, datetime]]:
    """Returns the hours around each change of the clocks, and some without."""
    return [(each - 4 * HOUR, each + 4 * HOUR) for each in changes(zone)] + [(BEGIN, BEGIN + 4 * HOUR)]


def test_the_zones_are_such_whose_clocks_change() -> None:
    assert sum(bool(changes(zone)) for zone in ZONES) >= 15
    assert {len(changes(zone)) for zone in ZONES} >= {0, 2}


@pytest.mark.parametrize("fields", [*HOURLY, *FIXED], ids=str)
@pytest.mark.parametrize("zone", ZONES)
def test_each_moment_that_is_due_has_a_slot_of_its_own(zone: str, fields: dict[str, str]) -> None:
    schedule = a_schedule(zone, fields)
    for begin, end in stretches(zone):
        due = list(expected(schedule, zone, begin, end))
        for moment in due:
            assert last_due(schedule, moment) == moment
        for earlier, later in pairwise(due):
            assert (
                last_due(schedule, later - MINUTE) == last_due(schedule, later - timedelta(microseconds=1)) == earlier
            )


@pytest.mark.parametrize("fields", [*HOURLY, *FIXED], ids=str)
@pytest.mark.parametrize("zone", ZONES)
def test_slots_are_never_ahead_and_never_go_back(zone: str, fields: dict[str, str]) -> None:
    schedule = a_schedule(zone, fields)
    moments = [BEGIN + each * timedelta(hours=73, minutes=7) for each in range(119)]
    moments += [each + step * timedelta(minutes=10, seconds=7) for each in changes(zone) for step in range(-20, 21)]
    slots = [(moment, last_due(schedule, moment)) for moment in sorted(moments)]
    assert all(slot <= moment for moment, slot in slots)
    assert all(one[1] <= other[1] for one, other in pairwise(slots))


@pytest.mark.parametrize(
    ("fields", "begin", "due"),
    [
        ({"minute": "30"}, "2026-10-24T23:00", ["23:30", "00:30", "01:30", "02:30"]),
        ({"minute": "30", "hour": "2"}, "2026-10-24T23:00", ["00:30"]),
        ({"minute": "30"}, "2026-03-28T23:00", ["23:30", "00:30", "01:30", "02:30"]),
        ({"minute": "30", "hour": "2"}, "2026-03-28T23:00", ["01:00"]),
        ({"minute": "0,20,40", "hour": "2,3"}, "2026-03-28T23:00", ["01:00", "01:20", "01:40"]),
    ],
)
def test_the_nights_in_berlin(fields: dict[str, str], begin: str, due: list[str]) -> None:
    schedule, first = a_schedule("Europe/Berlin", fields), datetime.fromisoformat(begin).replace(tzinfo=UTC)
    slots = {last_due(schedule, first + each * MINUTE) for each in range(240)}
    assert [f"{slot:%H:%M}" for slot in sorted(slots) if slot >= first] == due
