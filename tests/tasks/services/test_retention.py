"""How long finished tasks are kept."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import database, registry
from tasks.context import TaskContext
from tasks.models import DeadLetter, Task, TaskAttempt, TaskEvent, TaskLog
from tasks.services import cancel_tasks, retry_tasks, submit_task
from tasks.services.retention import remove_finished
from tasks.states import FINAL, EventKind, FailureCategory, Outcome, Resolution, TaskStatus
from tests.tasks.family import end, statuses, submit
from tests.tasks.rows import a_task, queues, tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]

DAY = 86_400.0


def finished(status: TaskStatus, *, days_ago: float, **fields: Any) -> Task:
    ended = database.now() - timedelta(days=days_ago)
    return a_task(status, **{"finished_at": ended, "created_at": ended - timedelta(days=99), **fields})


def kept() -> set[uuid.UUID]:
    return set(Task.objects.values_list("id", flat=True))


def test_what_ended_long_ago_goes() -> None:
    finished(TaskStatus.COMPLETED, days_ago=8)
    finished(TaskStatus.CANCELLED, days_ago=8)
    young = [finished(status, days_ago=6).id for status in (TaskStatus.COMPLETED, TaskStatus.CANCELLED)]
    assert remove_finished(older_than=7 * DAY, limit=100) == 2
    assert kept() == set(young)


def test_dead_tasks_stay_until_somebody_has_decided() -> None:
    dead = finished(TaskStatus.FAILED, days_ago=800)
    assert remove_finished(older_than=DAY, limit=100) == 0
    assert kept() == {dead.id}


@pytest.mark.parametrize("status", sorted(set(TaskStatus) - FINAL))
def test_what_has_not_ended_stays_however_old_it_is(status: TaskStatus) -> None:
    task = a_task(status, created_at=database.now() - timedelta(days=800))
    assert remove_finished(older_than=0, limit=100) == 0
    assert kept() == {task.id}


def test_a_cancelled_parent_of_a_failed_task_stays_so_that_no_task_waits_for_what_is_gone() -> None:
    queues("default")
    dead, gone, child = submit({}, {}, {"depends_on": [0, 1]})
    end(dead, status=TaskStatus.FAILED)
    cancel_tasks([gone])
    assert remove_finished(older_than=-1, limit=100) == 0
    retry_tasks([dead])
    end(dead)
    assert statuses(child) == [TaskStatus.FAILED]  # below the cancelled one, and not blocked for ever


def test_the_oldest_go_first_up_to_the_limit() -> None:
    ids = [finished(TaskStatus.COMPLETED, days_ago=days).id for days in (10, 30, 20, 40)]
    assert remove_finished(older_than=DAY, limit=2) == 2
    assert kept() == {ids[0], ids[2]}
    assert remove_finished(older_than=DAY, limit=2) == 2
    assert remove_finished(older_than=DAY, limit=2) == 0


def test_what_hangs_on_a_task_goes_with_it_and_nothing_else() -> None:
    now = database.now()
    gone, stays = (finished(TaskStatus.COMPLETED, days_ago=days) for days in (9, 1))
    for task in (gone, stays):
        times = {"started_at": now, "finished_at": now}
        TaskAttempt.objects.create(task=task, number=1, outcome=Outcome.COMPLETED, worker="w", **times)
        TaskLog.objects.create(task=task, attempt=1, at=now, level="info", message="line")
        TaskEvent.objects.create(task=task, attempt=1, at=now, kind=EventKind.REVIVED)
        DeadLetter.objects.create(
            task=task,
            category=FailureCategory.CODE_ERROR,
            fingerprint="0" * 16,
            created_at=now,
            resolution=Resolution.REPROCESSED,
            resolved_at=now,
        )
    garbage = {"category": FailureCategory.INVALID_PAYLOAD, "fingerprint": "1" * 16, "created_at": now}
    DeadLetter.objects.create(task=None, **garbage)
    assert remove_finished(older_than=7 * DAY, limit=100) == 1
    for model in (TaskAttempt, TaskLog, TaskEvent):
        assert list(model._default_manager.values_list("task_id", flat=True)) == [stays.id]
    assert set(DeadLetter.objects.values_list("task_id", flat=True)) == {stays.id, None}


def test_the_key_of_a_removed_task_is_free() -> None:
    finished(TaskStatus.COMPLETED, days_ago=9, idempotency_key="k")
    remove_finished(older_than=7 * DAY, limit=100)
    assert submit_task(type="sample.noop", idempotency_key="k").created


def test_a_thousand_cost_the_statements_of_one() -> None:
    counts = []
    for count in (1, 1_000):
        tasks(count, TaskStatus.COMPLETED)
        with CaptureQueriesContext(connection) as queries:
            assert remove_finished(older_than=-DAY, limit=5_000) == count
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_cleanup_type_removes_in_batches_up_to_its_most() -> None:
    for days in (40, 41, 42, 2):
        finished(TaskStatus.COMPLETED, days_ago=days)
    lines: list[str] = []
    cleanup = registry.get("cleanup")
    ctx = TaskContext(
        task_id=uuid.uuid4(), type="cleanup", attempt=1, timeout=60,
        write_progress=lambda fraction, text: lines.append(f"{fraction:.2f} {text}"),
    )  # fmt: skip
    assert cleanup.function(ctx, cleanup.payload.model_validate({"most": 2})) == {"removed": 2}
    assert lines[0] == "1.00 2 removed"
    assert cleanup.function(ctx, cleanup.payload()) == {"removed": 1}
    assert Task.objects.count() == 1
