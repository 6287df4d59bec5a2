"""Ticks of django-celery-beat's periodic tasks: whoever notices one that is due, and however often, it is one task."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django_celery_beat.models import PeriodicTask

from tasks.exceptions import IdempotencyConflict
from tasks.services.crontabs import last_due
from tasks.services.storing import Submitted
from tasks.services.submission import submit_given


def submit_tick(*, name: str, given: Mapping[str, Any], at: datetime) -> Submitted | None:
    """Submits for the periodic task's slot that was due last at this time. None where that has been done.

    Raises PeriodicTask.DoesNotExist, and as `submit_given` does.
    """
    periodic = PeriodicTask.objects.get(name=name)
    if periodic.one_off and periodic.total_run_count:
        return None
    try:
        submitted = submit_given({**given, "idempotency_key": f"periodic {periodic.pk} {slot(periodic, at)}"})
    except IdempotencyConflict:
        return None  # it was edited since the slot's first tick, which counts
    return submitted if submitted.created else None


def slot(periodic: PeriodicTask, at: datetime) -> str:
    """Returns the moment, by the schedule itself, for which the periodic task is due last at this time.

    Processes that notice it a little later, or later than one another, get the same.
    """
    if periodic.clocked_id:
        return str(periodic.clocked.clocked_time.astimezone(UTC).isoformat())
    if periodic.one_off:
        return f"once after {periodic.last_run_at}"
    if periodic.interval_id:
        seconds = periodic.interval.schedule.run_every.total_seconds()
        due = datetime.fromtimestamp(math.floor(at.timestamp() / seconds) * seconds, UTC)
    elif periodic.crontab_id:
        due = last_due(periodic.crontab.schedule, at)
    else:
        return f"{at.astimezone(UTC).date()}"  # a solar event: once a day
    return due.astimezone(UTC).isoformat()
