"""Undoing what a completed task did: by another task, which is retried like any other, and once."""

import uuid
from typing import Any

from tasks import auditing, database
from tasks.exceptions import IllegalTransition, NotCompensable, TaskMissing
from tasks.models import Task
from tasks.registry import COMPENSATION
from tasks.services.storing import Submitted, store
from tasks.services.submission_form import one_form
from tasks.services.undoing import is_declared, write_compensated
from tasks.states import TaskStatus


def compensate_task(task_id: uuid.UUID, *, actor: Any = None, reason: str = "") -> Submitted:
    """Submits the task that undoes a completed one: what its submission named, else what its type declares.

    Raises TaskMissing, IllegalTransition where it is not completed, NotCompensable where nothing undoes it, and
    AlreadyCompensated where that has been asked for before and was not cancelled.
    """
    with database.one_transaction():
        # Locked: clean-up might remove it, and there would be nothing to undo.
        task = Task.objects.select_for_update().filter(id=task_id).first()
        if task is None:
            raise TaskMissing(task_id)
        if task.status != TaskStatus.COMPLETED:
            raise IllegalTransition("compensated", task.status, "only what is completed can be undone")
        submitted = store([one_form(_undo_of(task))], actor, indexed=False, compensates=task.id)[0]
        write_compensated(task.id, submitted.id, actor, reason)
        made = {"task": submitted.id}
        auditing.record(verb="compensate", kind="task", target=str(task.id), actor=actor, reason=reason, after=made)
    return submitted


def _undo_of(task: Task) -> dict[str, Any]:
    name = f"undo {task.name or task.type}"[:200]
    if task.compensation:
        return {**task.compensation, "name": name, "priority": task.priority}
    if not is_declared(task.type):
        raise NotCompensable(task.type)
    return {"type": COMPENSATION, "payload": {"task": str(task.id)}, "name": name, "priority": task.priority}
