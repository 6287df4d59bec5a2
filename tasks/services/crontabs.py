"""The moments that a crontab names in its zone, in years in which clocks go back and forward.

A schedule of fixed hours is due once for a wall time that occurs twice, and once for one that is left out; one of every
hour is due as often as its wall time occurs.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from django_celery_beat.tzcrontab import TzAwareCrontab

LEAP_YEARS = 8 * 366  # days: 29 February may be as long ago
MOST_PUT_BACK = timedelta(hours=3)  # more than any zone's clocks are put back
MINUTE = timedelta(minutes=1)


def last_due(schedule: TzAwareCrontab, at: datetime) -> datetime:
    """Returns the last moment at or before this one for which the schedule is due, in UTC; this minute if none is."""
    at = at.astimezone(UTC)
    local = at.astimezone(schedule.tz).replace(tzinfo=None)
    last: datetime | None = None
    found_at = local
    # The order of wall times is that of moments, except for those around a change of the clocks.
    for wall in _wall_times(schedule, local + MOST_PUT_BACK):
        if last is not None and wall < found_at - MOST_PUT_BACK:
            break
        for moment in _moments(schedule, wall):
            if moment <= at and (last is None or moment > last):
                last, found_at = moment, wall
    return last or at.replace(second=0, microsecond=0)


def _wall_times(schedule: TzAwareCrontab, latest: datetime) -> Iterator[datetime]:
    """Yields the times that the schedule names, up to the latest one, that first."""
    hours, minutes = sorted(schedule.hour, reverse=True), sorted(schedule.minute, reverse=True)
    for days in range(LEAP_YEARS):
        day = latest.date() - timedelta(days=days)
        if (
            day.month in schedule.month_of_year
            and day.day in schedule.day_of_month
            and day.isoweekday() % 7 in schedule.day_of_week
        ):
            for hour in hours:
                for minute in minutes:
                    wall = datetime.combine(day, time(hour, minute))
                    if wall <= latest:
                        yield wall


def _moments(schedule: TzAwareCrontab, wall: datetime) -> list[datetime]:
    """Returns when this wall time makes the schedule due, in UTC."""
    first, second = (wall.replace(tzinfo=schedule.tz, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first == second:
        return [first]
    hourly = len(schedule.hour) == 24
    if first < second:
        return [first, second] if hourly else [first]
    # Left out: read by the offset of before it comes to lie behind the change, by that of after before it.
    return [] if hourly else [_change(schedule, second, first)]


def _change(schedule: TzAwareCrontab, before: datetime, after: datetime) -> datetime:
    """Returns the first minute of the offset that holds at `after` and not at `before`."""
    offset = after.astimezone(schedule.tz).utcoffset()
    while after - before > MINUTE and (after - MINUTE).astimezone(schedule.tz).utcoffset() == offset:
        after -= MINUTE
    return after
