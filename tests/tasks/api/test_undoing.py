"""Undoing a task by submitting one of the type `compensation`: what is answered, and to whom."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.models import Task, TaskEvent
from tasks.models.task import new_id
from tasks.states import EventKind, TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task, queues

pytestmark = pytest.mark.django_db


@pytest.fixture
def done(add_type: Callable[..., str]) -> Task:
    def do(ctx: Any, payload: Any) -> None: ...

    queues("compensation")
    return a_task(TaskStatus.COMPLETED, type=add_type(do, compensate=do))


def undo_of(task_id: Any) -> dict[str, Any]:
    return {"type": "compensation", "payload": {"task": str(task_id)}}


def test_it_is_made_and_the_target_is_told(operator: Api, done: Task) -> None:
    code, body = operator.post("tasks/", undo_of(done.id))
    assert (code, body["compensates"]) == (201, str(done.id))
    event = TaskEvent.objects.get(task=done)
    assert (event.kind, event.actor, event.reason) == (EventKind.COMPENSATED, operator.user, f"by task {body['id']}")
    code, body = operator.post(f"tasks/{done.id}/compensate/")
    assert (code, body["errors"][0]["code"]) == (409, "already_compensated")


def test_it_takes_the_rights_of_the_verb(sign_in: Callable[..., Api], done: Task) -> None:
    adder = sign_in("tasks.add_task", "tasks.view_task")
    for address, body in (("tasks/", undo_of(done.id)), ("tasks/bulk/", [undo_of(done.id)])):
        code, answer = adder.post(address, body)
        assert code == 403
        assert "tasks.change_task" in answer["errors"][0]["detail"]
    assert adder.post(f"tasks/{done.id}/compensate/")[0] == 403
    assert Task.objects.count() == 1


def test_a_target_that_cannot_be_undone_is_named(operator: Api, done: Task) -> None:
    code, body = operator.post("tasks/", undo_of(new_id()))
    assert (code, body["errors"][0]["attr"]) == (400, "payload.task")
    pending = a_task(type=done.type)
    code, body = operator.post("tasks/bulk/", [undo_of(done.id), undo_of(pending.id)])
    assert (code, body["errors"][0]["code"], body["status"]) == (409, "illegal_transition", "pending")
    assert body["errors"][0]["detail"].startswith("1.payload.task: ")
    named = a_task(TaskStatus.COMPLETED, compensation={"type": "sample.noop", "payload": {}})
    code, body = operator.post("tasks/", undo_of(named.id))
    assert (code, body["errors"][0]["code"]) == (400, "undone_otherwise")
    assert not TaskEvent.objects.exists()
