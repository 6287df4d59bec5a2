"""What moves leave behind beside the row: who did it and why."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks.models import Task, TaskEvent
from tasks.states import EventKind, TaskStatus
from tasks.transitions import cancel, finish, return_queued, revive
from tests.tasks.rows import STRANGER, a_task, claimed, ending

pytestmark = [pytest.mark.database, pytest.mark.django_db]

ASKED: dict[EventKind, tuple[TaskStatus, Callable[..., Any]]] = {
    EventKind.CANCELLED: (TaskStatus.PENDING, cancel),
    EventKind.REVIVED: (TaskStatus.FAILED, revive),
}


@pytest.mark.parametrize("kind", ASKED)
def test_what_a_person_did_is_kept_with_name_and_reason(kind: EventKind) -> None:
    user = User.objects.create_user("operator")
    status, move = ASKED[kind]
    task, untouched = a_task(status, attempt=2), a_task(TaskStatus.COMPLETED)
    move([task.id, untouched.id], actor_id=user.pk, reason="it's 100 % wrong")
    event = TaskEvent.objects.get()
    assert (event.task_id, event.kind, event.attempt) == (task.id, kind, 2)
    assert (event.actor_id, event.reason) == (user.pk, "it's 100 % wrong")


def test_a_refused_ending_is_seen_at_its_task() -> None:
    held = claimed(2)
    finish([ending(each, TaskStatus.COMPLETED) for each in held], incarnation=STRANGER)
    assert dict(TaskEvent.objects.values_list("task_id", "kind")) == {each.id: EventKind.REFUSED for each in held}


@pytest.mark.parametrize("lost", [False, True])
def test_a_lost_message_is_seen_at_its_task_and_an_ordinary_return_is_not(lost: bool) -> None:
    task = a_task(TaskStatus.QUEUED)
    return_queued([task.id], lost=lost)
    assert list(TaskEvent.objects.values_list("kind", flat=True)) == [EventKind.RETURNED] * lost
    assert Task.objects.get().status == TaskStatus.PENDING
