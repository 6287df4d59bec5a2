"""Dead letters for people: their groups with trends, their likes, their numbers. Constant numbers of queries."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet

from tasks import database
from tasks.failure_groups import hour_of, with_newest
from tasks.models import DeadLetter, FailureGroup
from tasks.states import GroupState

DAY, WEEK, STEP = 24, 7 * 24, 6  # hours; and of one bar of the week
DAYS_COUNTED = 30
_WIDE = ("traceback", "body", "x_death")


def groups() -> QuerySet[Any]:
    """Returns the groups, each with the id of its newest dead letter as `newest`."""
    return with_newest(FailureGroup.objects.select_related("state_by"))


def day_of(group: FailureGroup, now: datetime) -> list[int]:
    """Returns the deaths of each of the last 24 hours, the current one last."""
    last = hour_of(now)
    return [group.hours.get(str(hour), 0) for hour in range(last - DAY + 1, last + 1)]


def week_of(group: FailureGroup, now: datetime) -> list[int]:
    """Returns the deaths of the last seven days by six hours each, the current ones last."""
    last = hour_of(now)
    hours = [group.hours.get(str(hour), 0) for hour in range(last - WEEK + 1, last + 1)]
    return [sum(hours[start : start + STEP]) for start in range(0, WEEK, STEP)]


def samples_of(groups: Iterable[Any]) -> dict[str, DeadLetter]:
    """Returns by fingerprint the newest dead letter of groups that `groups` has read."""
    letters = DeadLetter.objects.defer(*_WIDE).in_bulk([group.newest for group in groups if group.newest])
    return {letter.fingerprint: letter for letter in letters.values()}


def similar_to(letter: DeadLetter, limit: int) -> list[DeadLetter]:
    """Returns the newest others of the same group."""
    others = DeadLetter.objects.filter(fingerprint=letter.fingerprint).exclude(pk=letter.pk)
    return list(others.defer(*_WIDE).select_related("task").order_by("-created_at", "-id")[:limit])


def dead_letter_stats() -> dict[str, Any]:
    """Returns how many are open, by what, since when, and how the others were resolved."""
    by: dict[str, dict[str, int]] = {"category": {}, "type": {}, "queue": {}}
    resolved: dict[str, int] = {}
    times: list[tuple[datetime, datetime]] = []
    # All of it is read once: each look at what is open reads a hundred thousand rows where so many are.
    seen = {"number": Count("id"), "oldest": Min("created_at"), "newest": Max("created_at")}
    for row in DeadLetter.objects.order_by().values("resolution", *by).annotate(**seen):
        if row["resolution"]:
            resolved[row["resolution"]] = resolved.get(row["resolution"], 0) + row["number"]
            continue
        times.append((row["oldest"], row["newest"]))
        for name, counts in by.items():
            counts[row[name]] = counts.get(row[name], 0) + row["number"]
    states = FailureGroup.objects.order_by().values("state").annotate(number=Count("pk"))
    return {
        "open": sum(by["category"].values()),
        **{f"by_{name}": dict(sorted(counts.items())) for name, counts in by.items()},
        "by_day": _by_day(),
        "oldest": min((oldest for oldest, _ in times), default=None),
        "newest": max((newest for _, newest in times), default=None),
        "resolved": resolved,
        "groups": dict.fromkeys(GroupState.values, 0) | {row["state"]: row["number"] for row in states},
    }


def _by_day() -> list[dict[str, Any]]:
    """Returns the deaths of each of the last days, in UTC, and how many of them are still open."""
    today = database.now().astimezone(UTC).date()
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS_COUNTED))]
    rows = database.run(
        f"""SELECT {database.day("created_at")}, count(*), count(CASE WHEN resolution = '' THEN 1 END)
        FROM tasks_deadletter WHERE created_at >= %s GROUP BY 1""",
        [database.stored_time(datetime.combine(days[0], datetime.min.time(), UTC))],
    )
    found = {date.fromisoformat(day): {"died": died, "open": still} for day, died, still in rows}
    return [{"day": day, **found.get(day, {"died": 0, "open": 0})} for day in days]
