"""A copy of a task is another task, linked back to the one it was made of."""

import uuid
from collections.abc import Mapping
from typing import Any

from tasks import auditing, database, transitions
from tasks.exceptions import InvalidSubmission, TaskMissing
from tasks.models import Task
from tasks.services.secrets import with_secrets
from tasks.services.storing import Submitted, store
from tasks.services.submission_form import Submission, one_form
from tasks.states import EventKind


def clone_task(
    task_id: uuid.UUID, changes: Mapping[str, Any] | None = None, *, actor: Any = None, reason: str = ""
) -> Submitted:
    """Submits a copy, due at once: type, payload, queue, priority, limits and tags, but with the given changes.

    It has no idempotency key and waits for nothing, unless the changes say so. Raises TaskMissing and what
    `submit_task` raises.
    """
    if changes and "type" in changes:
        detail = "a copy has the type of its original"
        raise InvalidSubmission([{"code": "unchangeable", "detail": detail, "attr": "type"}])
    with database.one_transaction():
        # Locked: clean-up might remove it, and leave an event of nothing.
        task = Task.objects.select_for_update().filter(id=task_id).first()
        if task is None:
            raise TaskMissing(task_id)
        submitted = store([_form(task, changes)], actor, indexed=False, clone_of=task.id)[0]
        if submitted.created:
            words = f"as task {submitted.id}" + (f": {reason}" if reason else "")
            transitions.write_events([task.id], EventKind.CLONED, reason=words, actor_id=getattr(actor, "pk", None))
            made = {"task": submitted.id, **(changes or {})}
            auditing.record(verb="clone", kind="task", target=str(task.id), actor=actor, reason=reason, after=made)
    return submitted


def _form(task: Task, changes: Mapping[str, Any] | None) -> Submission:
    if changes and "payload" in changes:
        changes = {**changes, "payload": with_secrets(changes["payload"], task.payload)}
    return one_form(
        {
            "type": task.type,
            "payload": task.payload,
            "name": task.name,
            "queue": task.queue,
            "priority": task.priority,
            "tags": task.tags,
            "timeout": task.timeout,
            "max_attempts": task.budget,
            "retry": task.retry,
            **({"compensate": task.compensation} if task.compensation else {}),
            **(changes or {}),
        }
    )
