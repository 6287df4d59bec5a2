"""The rows that the addresses of the table of access name, each in the state that its verbs are for."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from django_celery_results.models import TaskResult

from tasks import database
from tasks.models import AuditEntry, BulkAction, FailureGroup, Queue, Task, TaskAttempt
from tasks.states import BulkStatus, TaskStatus
from tests.tasks.api.places import rows_for
from tests.tasks.rows import a_bulk_action, a_task


def places_for(dead: Task, keeper: Any, worker: Any) -> dict[str, Any]:
    """Returns what stands in the addresses' braces. The key is the keeper's."""
    found = rows_for(dead, keeper)
    now = database.now()
    undo = {"type": "sample.noop", "payload": {}}
    Queue.objects.create(name="paused", paused=True, paused_at=now)
    group = FailureGroup.objects.get(pk=found["group"])
    group.pk, group.state, group.state_at = "ignored", "ignored", now
    group.save(force_insert=True)
    paused = a_bulk_action(dead, selection_hash="of other rows")
    BulkAction.objects.filter(pk=paused.pk).update(status=BulkStatus.PAUSED)
    interval = IntervalSchedule.objects.create(every=5, period="minutes")
    user, their_group = User.objects.create_user("ada"), Group.objects.create(name="Night shift")
    return found | {
        "scheduled": a_task(TaskStatus.SCHEDULED, run_at=now + timedelta(hours=1)).pk,
        "completed": a_task(TaskStatus.COMPLETED, compensation=undo).pk,
        "attempt": TaskAttempt.objects.get(task=dead).pk,
        "ignored": "ignored",
        "paused_queue": "paused",
        "paused_bulk": paused.pk,
        "worker": worker.pk,
        "entry": AuditEntry.objects.latest("pk").pk,
        "user": user.pk,
        "users": their_group.pk,
        "periodictask": PeriodicTask.objects.create(name="Every five", task="some.task", interval=interval).pk,
        "intervalschedule": interval.pk,
        "crontabschedule": CrontabSchedule.objects.create(minute="5").pk,
        "clockedschedule": ClockedSchedule.objects.create(clocked_time=now).pk,
        "solarschedule": SolarSchedule.objects.create(event="sunset", latitude=1, longitude=1).pk,
        "taskresult": TaskResult.objects.create(task_id="a", status="SUCCESS").pk,
        "tasks": Task.objects.count(),
    }
