"""Ticks: one task a slot of the schedule, however often and from wherever it is noticed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from tasks.models import Task
from tasks.periodic import submit
from tasks.services.ticks import slot, submit_tick

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOON = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
GIVEN = {"type": "sample.noop", "payload": {"n": 1}}


def periodic(**schedule: Any) -> PeriodicTask:
    found: PeriodicTask = PeriodicTask.objects.create(
        name="report", task="taskyard.submit", kwargs=json.dumps(GIVEN), **schedule
    )
    return found


def crontab(**fields: Any) -> PeriodicTask:
    return periodic(crontab=CrontabSchedule.objects.create(**fields))


def minutely() -> PeriodicTask:
    return periodic(interval=IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS))


def test_a_slot_gets_one_task_and_the_next_slot_another() -> None:
    minutely()
    made = [submit_tick(name="report", given=GIVEN, at=NOON + timedelta(seconds=each)) for each in (0, 0.2, 59, 60, 61)]
    assert [each is not None for each in made] == [True, False, False, True, False]
    assert Task.objects.count() == 2


def test_a_tick_whose_submission_was_edited_within_its_slot_stays_the_first() -> None:
    minutely()
    assert submit_tick(name="report", given=GIVEN, at=NOON)
    assert submit_tick(name="report", given={**GIVEN, "payload": {"n": 2}}, at=NOON) is None


@pytest.mark.parametrize(
    ("fields", "zone", "at", "due"),
    [
        ({"minute": "*/5"}, "UTC", "2026-03-29T12:04:59+00:00", "2026-03-29T12:00:00+00:00"),
        ({"minute": "30", "hour": "9"}, "UTC", "2026-03-29T09:29:59+00:00", "2026-03-28T09:30:00+00:00"),
        ({"minute": "0", "hour": "9"}, "Europe/Berlin", "2026-03-29T08:00:00+00:00", "2026-03-29T07:00:00+00:00"),
        (
            {"minute": "0", "hour": "0", "day_of_week": "1"},
            "UTC",
            "2026-03-29T12:00:00+00:00",
            "2026-03-23T00:00:00+00:00",
        ),
        (
            {"minute": "0", "hour": "0", "day_of_month": "29", "month_of_year": "2"},
            "UTC",
            "2026-03-29T12:00:00+00:00",
            "2024-02-29T00:00:00+00:00",
        ),
    ],
)  # fmt: skip
def test_a_crontabs_slot_is_the_moment_that_it_names(fields: dict[str, str], zone: str, at: str, due: str) -> None:
    assert slot(crontab(**fields, timezone=ZoneInfo(zone)), datetime.fromisoformat(at)) == due


def test_a_clocked_tasks_slot_is_its_time() -> None:
    clocked = periodic(clocked=ClockedSchedule.objects.create(clocked_time=NOON), one_off=True)
    assert slot(clocked, NOON + timedelta(hours=1)) == NOON.isoformat()


def test_a_one_off_runs_once_until_it_is_enabled_again() -> None:
    once = minutely()
    once.one_off = True
    once.save()
    made = [submit_tick(name="report", given=GIVEN, at=NOON + timedelta(seconds=each)) for each in (0, 90)]
    assert [each is not None for each in made] == [True, False]
    once.last_run_at, once.total_run_count = NOON, 1
    once.save()
    assert submit_tick(name="report", given=GIVEN, at=NOON + timedelta(seconds=180)) is None
    once.total_run_count = 0  # as beat leaves it when it disables the task
    once.save()
    assert submit_tick(name="report", given=GIVEN, at=NOON + timedelta(seconds=240))


def test_run_now_submits_each_time_and_beat_once_a_slot() -> None:
    periodic(interval=IntervalSchedule.objects.create(every=10_000, period=IntervalSchedule.DAYS))
    for _ in range(2):
        submit.apply_async(kwargs=GIVEN, headers={"periodic_task_name": "report"})
    assert Task.objects.count() == 2
    for _ in range(2):
        submit.apply_async(kwargs=GIVEN, headers={"periodic_task_name": "report", "celery_beat_task": True})
    assert Task.objects.count() == 3
