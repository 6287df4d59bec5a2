"""Tasks of the type `compensation` that are submitted as tasks: as much is asked of them as of the verb."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied

from tasks.exceptions import AlreadyCompensated, IllegalTransition, InvalidSubmission, NotCompensable
from tasks.models import Task, TaskEvent
from tasks.models.task import new_id
from tasks.services import clone_task, compensate_task, submit_task, submit_tasks
from tasks.states import EventKind, TaskStatus
from tests.tasks.rows import a_task, queues

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus


@pytest.fixture(autouse=True)
def _queues(db: None) -> None:
    queues("default", "compensation")


@pytest.fixture
def charge(add_type: Callable[..., str]) -> str:
    """A type that can be undone."""

    def do(ctx: Any, payload: Any) -> None: ...

    return add_type(do, compensate=do)


def undo_of(task: Task | Any) -> dict[str, Any]:
    return {"type": "compensation", "payload": {"task": str(getattr(task, "id", task))}}


def events_of(task: Task) -> list[tuple[str, str, Any]]:
    return list(TaskEvent.objects.filter(task_id=task.id).values_list("kind", "reason", "actor_id"))


def allow(user: User, *codenames: str) -> User:
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="tasks", codename__in=codenames))
    return User.objects.get(id=user.pk)  # which remembers no rights yet


def test_the_target_is_told_and_undone_once(charge: str, ann: User) -> None:
    allowed = allow(ann, "view_task", "change_task")
    task = a_task(S.COMPLETED, type=charge)
    undo = Task.objects.get(id=submit_task(**undo_of(task), actor=allowed).id)
    assert undo.compensates_id == task.id
    assert events_of(task) == [(EventKind.COMPENSATED, f"by task {undo.id}", ann.pk)]
    with pytest.raises(AlreadyCompensated):
        compensate_task(task.id)
    with pytest.raises(AlreadyCompensated):
        clone_task(undo.id, actor=allowed)
    assert len(events_of(task)) == 1


@pytest.mark.parametrize("codenames", [(), ("add_task",), ("add_task", "view_task"), ("add_task", "change_task")])
def test_who_may_not_ask_by_the_verb_may_not_ask_by_a_task(charge: str, ann: User, codenames: tuple[str, ...]) -> None:
    task, actor = a_task(S.COMPLETED, type=charge), allow(ann, *codenames)
    calls: list[Callable[[], Any]] = [
        lambda: submit_task(**undo_of(task), actor=actor),
        lambda: submit_tasks([{"type": "sample.noop"}, undo_of(task)], actor=actor),
    ]
    for call in calls:
        with pytest.raises(PermissionDenied, match=r"tasks\.change_task"):
            call()
    assert Task.objects.count() == 1
    assert not events_of(task)


def test_one_without_an_actor_is_trusted(charge: str) -> None:
    task = a_task(S.COMPLETED, type=charge)
    submit_task(**undo_of(task))
    assert len(events_of(task)) == 1


def test_a_repeated_key_is_the_same_task_and_no_second_event(charge: str) -> None:
    task = a_task(S.COMPLETED, type=charge)
    first, second = (submit_task(**undo_of(task), idempotency_key="k") for _ in range(2))
    assert (first.created, second.created, second.id) == (True, False, first.id)
    assert len(events_of(task)) == 1


def test_each_of_a_list_tells_its_target(charge: str) -> None:
    rows = [a_task(S.COMPLETED, type=charge) for _ in range(3)]
    made = submit_tasks([{"type": "sample.noop"}, *map(undo_of, rows)])
    assert [events_of(row)[0][1] for row in rows] == [f"by task {each.id}" for each in made[1:]]


@pytest.mark.parametrize("status", sorted(set(S) - {S.COMPLETED}))
def test_only_what_is_completed_can_be_undone(charge: str, status: TaskStatus) -> None:
    task = a_task(status, type=charge)
    with pytest.raises(IllegalTransition, match="only what is completed can be undone") as caught:
        submit_tasks([{"type": "sample.noop"}, undo_of(task)])
    assert (caught.value.status, caught.value.attr) == (status, "1.payload.task")
    assert Task.objects.count() == 1


def test_a_target_that_does_not_exist_is_named_by_its_path() -> None:
    with pytest.raises(InvalidSubmission, match="there is no task") as caught:
        submit_task(**undo_of(new_id()))
    assert [error["attr"] for error in caught.value.errors] == ["payload.task"]


def test_a_target_whose_submission_named_its_undo_is_left_to_the_verb(charge: str) -> None:
    task = a_task(S.COMPLETED, type=charge, compensation={"type": "sample.noop", "payload": {}})
    with pytest.raises(InvalidSubmission, match="its verb `compensate`"):
        submit_task(**undo_of(task))
    assert Task.objects.get(id=compensate_task(task.id).id).type == "sample.noop"


@pytest.mark.parametrize("type_name", ["sample.noop", "nobody.knows"])
def test_a_target_that_nothing_undoes_is_refused(type_name: str) -> None:
    with pytest.raises(NotCompensable, match=type_name):
        submit_task(**undo_of(a_task(S.COMPLETED, type=type_name)))
