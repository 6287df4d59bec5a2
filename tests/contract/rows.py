"""Rows of each kind in each state, and which of them may stand in an address."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tasks import database, failure_groups
from tasks.models import BulkAction, DeadLetter, FailureGroup, FailureRule, Queue, Task, TaskAttempt, TaskLog
from tasks.services import discard_dead_letters, ignore_group, resolve_group, submit_tasks
from tasks.services.api_keys import make_key, revoke_keys
from tasks.states import BULK_FINAL, BulkStatus, BulkVerb, FailureCategory, TaskStatus
from tasks.transitions import finish
from tests.tasks.desk import a_worker
from tests.tasks.rows import HOLDER, a_bulk_action, a_task, claimed, ending

OF_EACH = 6  # rows in each state: verbs use them up


Names = dict[str, list[str]]  # of a kind of row, by what stands before it in an address: "dlq/tasks"


def store(administrator: Any) -> Names:
    """Stores them, and returns their ids and names."""
    a_worker()
    for number in range(OF_EACH):
        for status in TaskStatus:
            if status not in (TaskStatus.BLOCKED, TaskStatus.FAILED, TaskStatus.COMPLETED):
                a_task(status, name=f"{status} {number}", tags=["red"], payload={"number": number})
        _dependants()
        _completed(number)
        _dead(number)
    failure_groups.fold_changes()
    letters = list(DeadLetter.objects.values_list("id", flat=True))
    discard_dead_letters(DeadLetter.objects.filter(id=letters[0]), actor=administrator, reason="ordered twice")
    groups = list(FailureGroup.objects.order_by("fingerprint").values_list("pk", flat=True))
    resolve_group(groups[0], actor=administrator, reason="mended", seen=None)
    ignore_group(groups[1], actor=administrator, reason="known", seen=None)
    Queue.objects.filter(name="http").update(
        paused=True, paused_at=database.now(), paused_by=administrator, pause_reason="the shop is down"
    )
    Queue.objects.filter(name="data").update(rate_limit=5.0, concurrency_limit=3)
    return {
        "tasks": [str(each) for each in Task.objects.values_list("id", flat=True)],
        "dlq/tasks": [str(each) for each in letters],
        "dlq/groups": groups,
        "dlq/rules": [str(each) for each in _rules()],
        "bulk-actions": [str(each) for each in _bulk_actions()],
        "queue-manager/queues": list(Queue.objects.values_list("name", flat=True)),
        "auth/keys": [str(each) for each in _keys(administrator)],
    }


def _dependants() -> None:
    submit_tasks([{"type": "sample.noop", "delay": 3600.0}, {"type": "sample.echo", "depends_on": [0]}])


def _completed(number: int) -> None:
    (held,) = claimed(type="sample.echo", payload={"number": number}, tags=["red"], name="done")
    finish([ending(held, TaskStatus.COMPLETED, result='{"done": true}')], incarnation=HOLDER)
    task = Task.objects.get(id=held.id)
    TaskLog.objects.create(task=task, attempt=1, at=task.created_at, level="info", message="line", fields={"a": 1})


def _dead(number: int) -> None:
    categories = list(FailureCategory)
    for place in range(2):
        category = categories[(2 * number + place) % len(categories)]
        (held,) = claimed(payload={"number": number}, name="dead")
        finish(
            [ending(held, TaskStatus.FAILED, category=category, message=f"{category} broke", traceback="Traceback …")],
            incarnation=HOLDER,
        )
    assert TaskAttempt.objects.filter(task_id=held.id).exists()


def _rules() -> Iterator[int]:
    for number in range(OF_EACH):
        yield FailureRule.objects.create(
            type="sample.work", message=f"word {number}", verdict="die", changed_at=database.now()
        ).pk


def _bulk_actions() -> Iterator[uuid.UUID]:
    for number in range(OF_EACH):
        for status in BulkStatus:
            task = a_task(name=f"of a bulk action {number}")
            now = database.now()
            action = a_bulk_action(
                task, selection_hash=f"{status} {number}", verb=list(BulkVerb)[number % len(BulkVerb)]
            )
            final = {"finished_at": now} if status in BULK_FINAL else {}
            BulkAction.objects.filter(id=action.id).update(status=status, **final)
            yield action.id


def _keys(administrator: Any) -> Iterator[int]:
    for number in range(OF_EACH):
        expires_at = database.now() + timedelta(days=1) if number else None
        key, _ = make_key(user=administrator, name=f"program {number}", expires_at=expires_at, actor=administrator)
        yield key.pk
    revoke_keys(type(key).objects.filter(pk=key.pk), actor=administrator)
