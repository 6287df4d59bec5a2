"""Rows as the engine leaves them, for tests of what it does next."""

import time
import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from tasks import database
from tasks.leadership import COORDINATOR
from tasks.models import BulkAction, DeadLetter, Leadership, Queue, Task
from tasks.models.task import new_id
from tasks.states import FINAL, BulkVerb, Door, FailureCategory, Outcome, TaskStatus
from tasks.transitions import Claimed, Ending, NewItem, NewTask, claim, finish, insert_bulk_action

HOLDER = uuid.UUID(int=0xA)  # the process that has the processing rows of these tests
STRANGER = uuid.UUID(int=0xB)
TERM = 7
LEADER: dict[str, Any] = {"role": COORDINATOR, "term": TERM}


def lead(term: int = TERM, role: str = COORDINATOR) -> None:
    Leadership.objects.update_or_create(role=role, defaults={"term": term, "holder": "test"})


def task_in(status: TaskStatus, *, now: Any = None, **fields: Any) -> Task:
    """Returns an unsaved task of the queue `default` as it is when it has come to the status."""
    now = now or database.now()
    begun = status in FINAL or status == TaskStatus.PROCESSING
    values: dict[str, Any] = {
        "type": "sample.noop",
        "queue": "default",
        "payload": {},
        "timeout": 60.0,
        "retry": {"kind": "none"},
        "max_attempts": 3,
        "budget": 3,
        "attempt": 1 if begun else 0,
        "run_at": now,
        "created_at": now,
    }
    if status == TaskStatus.QUEUED:
        values["queued_at"] = now
    if begun:
        values |= {"started_at": now, "worker": "w1@test", "incarnation": HOLDER}
    if status == TaskStatus.PROCESSING:
        values["lease_expires_at"] = now + timedelta(seconds=30)
    if status in FINAL:
        values["finished_at"] = now
    return Task(status=status, **values | fields)


def a_task(status: TaskStatus = TaskStatus.PENDING, **fields: Any) -> Task:
    task = task_in(status, **fields)
    task.save(force_insert=True)
    return task


def tasks(count: int, status: TaskStatus = TaskStatus.PENDING, **fields: Any) -> list[uuid.UUID]:
    """Stores so many equal tasks and returns their ids, in order."""
    now = database.now()
    return [task.id for task in Task.objects.bulk_create([task_in(status, now=now, **fields) for _ in range(count)])]


def queues(*names: str) -> None:
    Queue.objects.bulk_create([Queue(name=name) for name in names], ignore_conflicts=True)


def claimed(count: int = 1, *, alone: bool = False, lease: float = 30.0, **fields: Any) -> list[Claimed]:
    """Stores queued tasks and claims them for HOLDER."""
    ids = tasks(count, TaskStatus.QUEUED, **fields)
    return claim(ids, queue="default", worker="w1@test", incarnation=HOLDER, lease=lease, alone=alone)


_OUTCOMES = {
    TaskStatus.COMPLETED: Outcome.COMPLETED,
    TaskStatus.RETRYING: Outcome.FAILED,
    TaskStatus.FAILED: Outcome.FAILED,
    TaskStatus.PENDING: Outcome.RELEASED,
    TaskStatus.CANCELLED: Outcome.CANCELLED,
}


def ending(of: Task | Claimed, status: TaskStatus, **fields: Any) -> Ending:
    """Returns the ending that takes an attempt to the status."""
    outcome = _OUTCOMES[status]
    values: dict[str, Any] = {
        "id": of.id,
        "attempt": of.attempt,
        "type": of.type,
        "queue": of.queue,
        "worker": "w1@test",
        "incarnation": HOLDER,
        "outcome": outcome,
        "started": time.monotonic(),
        "ended": time.monotonic(),
    }
    if outcome == Outcome.FAILED:
        values |= {"category": FailureCategory.CODE_ERROR, "error_class": "ValueError", "message": "it broke"}
    return Ending(status=status, **values | fields)


def a_dead_task(*, payload: dict[str, Any], category: FailureCategory) -> Task:
    """Has a task fail for good, and returns it."""
    (attempt,) = claimed(payload=payload)
    finish([ending(attempt, TaskStatus.FAILED, category=category, traceback="secret traceback")], incarnation=HOLDER)
    assert DeadLetter.objects.filter(task_id=attempt.id).count() == 1
    return Task.objects.get(id=attempt.id)


def a_bulk_action(task: Task, **fields: Any) -> BulkAction:
    """Stores one that waits to cancel the task."""
    values: dict[str, Any] = {
        "verb": BulkVerb.CANCEL, "selection": {"kind": "tasks", "q": "", "filters": {}}, "words": "all tasks",
        "selection_hash": "of the rows", "reason": "the tests want it", "door": Door.API, "total": 1,
        "created_at": database.now(),
    }  # fmt: skip
    action = BulkAction(**values | fields)
    insert_bulk_action(action, [NewItem(task.pk, task.pk)])
    return action


def columns(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Returns every column of these tasks: two such pictures differ by what was changed."""
    return {row["id"]: dict(row) for row in Task.objects.filter(id__in=list(ids)).values()}


def a_new_task(**fields: Any) -> NewTask:
    values: dict[str, Any] = {
        "id": new_id(),
        "type": "sample.noop",
        "name": "",
        "queue": "default",
        "priority": 5,
        "payload": "{}",
        "payload_bytes": 2,
        "tags": [],
        "timeout": 60.0,
        "retry": {"kind": "none"},
        "max_attempts": 3,
        "budget": 3,
        "delay": 0.0,
        "run_at": None,
        "created_by_id": None,
        "idempotency_key": None,
        "idempotency_hash": "",
    }
    return NewTask(**values | fields)
