"""Each use case leaves one entry in the audit trail, and none where it changed nothing."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database, maintenance, services
from tasks.exceptions import IllegalTransition
from tasks.models import AuditEntry, DeadLetter, Queue, Task
from tasks.services.retention import remove_finished
from tasks.states import TaskStatus
from tasks.transitions import finish
from tests.tasks.desk import a_worker
from tests.tasks.rows import HOLDER, LEADER, a_task, claimed, ending, lead, queues, tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def dead() -> list[uuid.UUID]:
    found = claimed(3)
    finish([ending(each, TaskStatus.FAILED) for each in found], incarnation=HOLDER)
    return [each.id for each in found]


def the_entry() -> AuditEntry:
    return AuditEntry.objects.get()


MANY: list[tuple[str, TaskStatus, Callable[..., Any]]] = [
    ("cancel", TaskStatus.PENDING, services.cancel_tasks),
    ("run now", TaskStatus.SCHEDULED, services.run_now),
    ("change priority", TaskStatus.PENDING, lambda ids, **asked: services.change_priority(ids, 9, **asked)),
]


@pytest.mark.parametrize(("verb", "status", "service"), MANY, ids=[row[0] for row in MANY])
def test_a_verb_on_many_tasks_is_one_entry(verb: str, status: TaskStatus, service: Any, ann: User) -> None:
    ids = tasks(30, status)
    over = tasks(2, TaskStatus.COMPLETED)
    service([*ids, *over], actor=ann, reason="spring cleaning")
    entry = the_entry()
    assert (entry.verb, entry.kind, entry.actor, entry.reason) == (verb, "task", ann, "spring cleaning")
    assert (entry.count, entry.ids) == (30, [str(each) for each in ids[:20]])
    service(over, actor=ann, reason="again")
    assert AuditEntry.objects.count() == 1


def test_a_retry_in_parts_is_one_entry(dead: list[uuid.UUID], ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.services.retrying.AT_ONCE", 2)
    services.retry_tasks(dead, actor=ann, patch={"token": "hunter2", "to": "x"})
    entry = the_entry()
    assert (entry.verb, entry.count) == ("retry", 3)
    assert entry.after == {"payload": {"patch": {"token": "***", "to": "x"}}}


def test_dead_letters_are_named_as_such(dead: list[uuid.UUID], ann: User) -> None:
    letters = DeadLetter.objects.filter(task_id__in=dead[:2])
    ids = {str(each) for each in letters.values_list("id", flat=True)}
    services.reprocess_dead_letters(letters, actor=ann)
    assert (the_entry().verb, the_entry().kind, the_entry().count, set(the_entry().ids)) == (
        "reprocess", "dead letter", 2, ids,
    )  # fmt: skip
    AuditEntry.objects.all().delete()
    rest = DeadLetter.objects.filter(task_id=dead[2])
    assert services.discard_dead_letters(rest, actor=ann, reason="no use").done
    assert not services.discard_dead_letters(rest, actor=ann, reason="again").done
    assert (the_entry().verb, the_entry().target, the_entry().reason) == ("discard", str(rest.get().id), "no use")


def test_an_edit_shows_before_and_after_with_secrets_masked(ann: User) -> None:
    task = a_task(payload={"token": "hunter2", "to": "a"}, name="old")
    services.edit_task(task.id, {"name": "new", "payload": {"token": "hunter2", "to": "b"}}, actor=ann)
    entry = the_entry()
    assert (entry.verb, entry.target) == ("edit", str(task.id))
    assert entry.before == {"name": "old", "payload": {"token": "***", "to": "a"}}
    assert entry.after == {"name": "new", "payload": {"token": "***", "to": "b"}}
    services.edit_task(task.id, {"name": "new"}, actor=ann)
    assert AuditEntry.objects.count() == 1


def test_a_copy_and_an_undoing_name_what_they_made(ann: User) -> None:
    queues("default")
    task = a_task(TaskStatus.COMPLETED, compensation={"type": "sample.noop", "payload": {}})
    copy = services.clone_task(task.id, {"priority": 9}, actor=ann)
    undo = services.compensate_task(task.id, actor=ann, reason="wrong order")
    first, second = AuditEntry.objects.order_by("id")
    assert (first.verb, first.target, first.after) == ("clone", str(task.id), {"task": str(copy.id), "priority": 9})
    assert (second.verb, second.after, second.reason) == ("compensate", {"task": str(undo.id)}, "wrong order")


def test_queues_pause_resume_and_limits(ann: User) -> None:
    queues("default")
    services.pause_queue("default", actor=ann, reason="they are down")
    services.pause_queue("default", actor=ann, reason="twice")
    services.resume_queue("default", actor=ann)
    services.resume_queue("default", actor=ann)
    services.limit_queue("default", rate_limit=5.0, concurrency_limit=None, actor=ann)
    services.limit_queue("default", rate_limit=5.0, actor=ann)
    paused, resumed, limited = AuditEntry.objects.order_by("id")
    assert (paused.verb, paused.target, paused.reason) == ("pause", "default", "they are down")
    assert (resumed.verb, (resumed.before or {})["pause_reason"]) == ("resume", "they are down")
    assert (limited.before, limited.after) == ({"rate_limit": None}, {"rate_limit": 5.0})
    assert Queue.objects.get(name="default").rate_limit == 5.0


def test_what_is_left_out_of_limits_stays() -> None:
    queues("default")
    services.limit_queue("default", rate_limit=5.0, concurrency_limit=3)
    services.limit_queue("default", concurrency_limit=None)
    queue = Queue.objects.get(name="default")
    assert (queue.rate_limit, queue.concurrency_limit) == (5.0, None)


def test_what_failed_leaves_no_entry(ann: User) -> None:
    task = a_task(TaskStatus.COMPLETED)
    with pytest.raises(IllegalTransition):
        services.edit_task(task.id, {"name": "x"}, actor=ann)
    assert not AuditEntry.objects.exists()


def test_what_is_removed_for_its_age_is_noted_without_anybody() -> None:
    tasks(3, TaskStatus.COMPLETED, finished_at=database.now() - timedelta(days=40))
    assert remove_finished(older_than=30 * 86_400, limit=10) == 3
    entry = the_entry()
    assert (entry.verb, entry.count, entry.actor, entry.door) == ("remove", 3, None, "system")
    assert remove_finished(older_than=30 * 86_400, limit=10) == 0
    assert AuditEntry.objects.count() == 1


def test_what_the_coordinator_gives_up_is_noted(settings: Any) -> None:
    lead()
    a_worker(types={"sample.noop": "plain"}, started_at=database.now() - timedelta(days=9))
    settings.UNKNOWN_TYPE_GRACE_SECONDS = 60
    task = a_task(type="gone.type", parked="no worker knows it", parked_at=database.now() - timedelta(hours=2))
    assert maintenance.abandon_unknown_types(**LEADER) == 1
    assert (the_entry().verb, the_entry().target, the_entry().door) == ("give up", str(task.id), "system")
    assert Task.objects.get().status == TaskStatus.FAILED
