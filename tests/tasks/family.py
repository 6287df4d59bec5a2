"""Tasks that wait for each other, and ways for them to end."""

import uuid
from typing import Any

from tasks.models import Task, TaskDependency
from tasks.services import submit_tasks
from tasks.states import TaskStatus
from tasks.transitions import claim, finish
from tests.tasks.rows import HOLDER, ending

NOOP: dict[str, Any] = {"type": "sample.noop"}


def submit(*tasks: dict[str, Any]) -> list[uuid.UUID]:
    """Submits tasks of one list, which name each other by their places."""
    return [each.id for each in submit_tasks([NOOP | task for task in tasks])]


def end(*ids: uuid.UUID, status: TaskStatus = TaskStatus.COMPLETED) -> None:
    """Lets a worker claim these pending tasks, and end them like that."""
    Task.objects.filter(id__in=ids, status=TaskStatus.PENDING).update(status=TaskStatus.QUEUED)
    held = claim(list(ids), queue="default", worker="w1@test", incarnation=HOLDER, lease=30, alone=False)
    assert len(held) == len(ids)
    assert len(finish([ending(each, status) for each in held], incarnation=HOLDER).moved) == len(ids)


def statuses(*ids: uuid.UUID) -> list[str]:
    found = dict(Task.objects.filter(id__in=ids).values_list("id", "status"))
    return [found[each] for each in ids]


def edges(child: uuid.UUID) -> dict[uuid.UUID, bool]:
    """Returns the parents of a task, each with whether it is met."""
    return dict(TaskDependency.objects.filter(child_id=child).values_list("parent_id", "met"))
