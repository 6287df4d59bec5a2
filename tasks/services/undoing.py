"""Tasks of the type `compensation` that come in as tasks must be what the verb would have made of their targets."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied

from tasks import registry, transitions
from tasks.exceptions import IllegalTransition, InvalidSubmission, NotCompensable, UnknownType
from tasks.models import Task
from tasks.services.preparing import join
from tasks.states import EventKind, TaskStatus
from tasks.transitions import NewTask

NEEDED = ("tasks.view_task", "tasks.change_task")


def is_declared(type_name: str) -> bool:
    """Tells whether a type is installed here that says how it is undone."""
    try:
        return registry.get(type_name).compensate is not None
    except UnknownType:
        return False


def check_targets(prepared: Sequence[NewTask], actor: Any, *, indexed: bool) -> None:
    """Raises for what the verb would refuse: PermissionDenied, InvalidSubmission, IllegalTransition, NotCompensable.

    Without an actor the caller is trusted, as in all services.
    """
    wanted = [(index, task.compensates_id) for index, task in enumerate(prepared) if task.compensates_id]
    if actor is not None and not actor.has_perms(NEEDED):
        raise PermissionDenied(f"undoing a task needs the permissions {' and '.join(NEEDED)}")
    targets = Task.objects.only("status", "type", "compensation").in_bulk([task_id for _, task_id in wanted])
    for index, task_id in wanted:
        attr, target = join(index if indexed else "", "payload.task"), targets.get(task_id)
        if target is None:
            raise InvalidSubmission([{"code": "missing", "detail": f"there is no task {task_id}", "attr": attr}])
        if target.status != TaskStatus.COMPLETED:
            raise IllegalTransition("compensated", target.status, "only what is completed can be undone", attr)
        if target.compensation:
            detail = f"its submission named what undoes task {task_id}: ask for that by its verb `compensate`"
            raise InvalidSubmission([{"code": "undone_otherwise", "detail": detail, "attr": attr}])
        if not is_declared(target.type):
            raise NotCompensable(target.type, attr)


def write_compensated(target: UUID, by: UUID, actor: Any, reason: str = "") -> None:
    """Notes with a task which other one undoes it."""
    words = f"by task {by}" + (f": {reason}" if reason else "")
    transitions.write_events([target], EventKind.COMPENSATED, reason=words, actor_id=getattr(actor, "pk", None))
