"""The verbs of tasks."""

from typing import Any

from tasks import registry, services
from tasks.admin.task_fields_form import CloneForm, EditForm, MendForm
from tasks.admin.verb_forms import PriorityForm, RetryForm
from tasks.admin.verbs import Done, Verb
from tasks.exceptions import UnknownType
from tasks.models import Task
from tasks.services import Report
from tasks.states import FINAL, WAITING, BulkVerb, TaskStatus

_CHANGE, _ADD = "tasks.change_task", "tasks.add_task"
_EDITABLE = WAITING | {TaskStatus.QUEUED}


def _retry(ids: list[Any], values: dict[str, Any], user: Any) -> Report:
    return services.retry_tasks(ids, actor=user, reason=values["reason"], patch=values.get("payload"))


def _cancel(ids: list[Any], values: dict[str, Any], user: Any) -> Report:
    return services.cancel_tasks(ids, actor=user, reason=values["reason"])


def _run_now(ids: list[Any], values: dict[str, Any], user: Any) -> Report:
    return services.run_now(ids, actor=user, reason=values["reason"])


def _change_priority(ids: list[Any], values: dict[str, Any], user: Any) -> Report:
    return services.change_priority(ids, values["priority"], actor=user, reason=values["reason"])


def _edit(task: Task, values: dict[str, Any], user: Any) -> Done:
    if not values["changes"]:
        return Done("It is as it was: no field was changed.", is_change=False)
    services.edit_task(task.pk, values["changes"], actor=user, reason=values["reason"], version=values["version"])
    return Done(f"It was edited: {', '.join(name.replace('_', ' ') for name in values['changes'])}.")


def _clone(task: Task, values: dict[str, Any], user: Any) -> Done:
    submitted = services.clone_task(task.pk, values["changes"], actor=user, reason=values["reason"])
    return Done("This is the copy.", submitted.id)


def _compensate(task: Task, values: dict[str, Any], user: Any) -> Done:
    submitted = services.compensate_task(task.pk, actor=user, reason=values["reason"])
    return Done("This task undoes the other one.", submitted.id)


def _mend(task: Task, values: dict[str, Any], user: Any) -> Done:
    services.retry_with_payload(
        task.pk, values["payload"], actor=user, reason=values["reason"], version=values["version"]
    )
    return Done("It was retried with this payload.")


def _comes_back(task: Task) -> bool:
    """One that failed by a dependency comes back with that."""
    return task.status == TaskStatus.FAILED and not task.unmet


def _can_be_undone(task: Task) -> bool:
    if task.status != TaskStatus.COMPLETED:
        return False
    try:
        return bool(task.compensation) or registry.get(task.type).compensate is not None
    except UnknownType:
        return False


VERBS = (
    Verb(
        name="retry",
        label="Retry",
        past="retried",
        explanation="It gets a fresh budget of attempts and is due at once; its attempts go on counting. What failed"
        " because of it comes back with it, and its dead letter is closed.",
        permission=_CHANGE,
        allows=_comes_back,
        form=RetryForm,
        run_many=_retry,
        bulk=BulkVerb.RETRY,
    ),
    Verb(
        name="mend",
        label="Edit payload and retry",
        past="retried",
        explanation="It gets this payload instead of its own and a fresh budget of attempts, and is due at once. Where"
        " the payload is not as its type wants it, nothing is changed.",
        permission=_CHANGE,
        needs_contents=True,
        allows=_comes_back,
        form=MendForm,
        run=_mend,
    ),
    Verb(
        name="run-now",
        label="Run now",
        past="made due at once",
        explanation="It does not wait for its time any longer.",
        permission=_CHANGE,
        allows=lambda task: task.status in (TaskStatus.SCHEDULED, TaskStatus.RETRYING),
        run_many=_run_now,
        bulk=BulkVerb.RUN_NOW,
    ),
    Verb(
        name="edit",
        label="Edit",
        past="edited",
        explanation="If a message about it is with the broker already, that becomes void, and it is sent anew.",
        permission=_CHANGE,
        allows=lambda task: task.status in _EDITABLE,
        form=EditForm,
        run=_edit,
    ),
    Verb(
        name="priority",
        label="Change priority",
        past="given the priority",
        explanation="Tasks of a higher priority are started first within their queue.",
        permission=_CHANGE,
        allows=lambda task: task.status in _EDITABLE,
        form=PriorityForm,
        run_many=_change_priority,
        bulk=BulkVerb.CHANGE_PRIORITY,
    ),
    Verb(
        name="compensate",
        label="Compensate",
        past="compensated",
        explanation="Another task is submitted that undoes what this one did. It is retried like any other.",
        permission=_CHANGE,
        allows=_can_be_undone,
        run=_compensate,
        is_grave=True,
    ),
    Verb(
        name="clone",
        label="Clone",
        past="cloned",
        explanation="Another task is submitted that is like this one, but for what you change here. It is due at once.",
        permission=_ADD,
        form=CloneForm,
        run=_clone,
    ),
    Verb(
        name="cancel",
        label="Cancel",
        past=TaskStatus.CANCELLED.value,
        explanation="It is not executed any more. Where it is running, its worker is asked to stop. Tasks that depend"
        " on it do as they were told when they were submitted.",
        permission=_CHANGE,
        allows=lambda task: task.status not in FINAL and task.cancel_requested_at is None,
        run_many=_cancel,
        bulk=BulkVerb.CANCEL,
        is_grave=True,
    ),
)
