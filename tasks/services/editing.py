"""Changes to tasks that wait: their payload, their place in the line, their time."""

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import pydantic
from pydantic import Field

from tasks import auditing, database, registry, transitions
from tasks.exceptions import InvalidSubmission, TaskMissing, UnknownType
from tasks.leadership import COORDINATOR
from tasks.models import Task
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.registry import MOST_ATTEMPTS
from tasks.services.preparing import known_queues, payload_text, with_secrets_kept
from tasks.services.reports import Report, report_on
from tasks.services.retrying import AT_ONCE
from tasks.services.submission_form import WHOLE, Submission, path_errors
from tasks.states import TaskStatus
from tasks.versions import check_version

UNCHANGEABLE = {
    "depends_on": "what a task waits for is said when it is submitted",
    "idempotency_key": "the key of a task stays",
    "type": "a task of another type is another task: clone it",
    "compensate": "what undoes a task is said when it is submitted",
}


class Edit(Submission):
    """The fields that can be changed, as in a submission; those left out stay."""

    type: Annotated[str, Field(exclude=True)] = ""
    max_attempts: Annotated[int, Field(ge=1, le=MOST_ATTEMPTS), WHOLE] | None = None


def edit_task(
    task_id: uuid.UUID,
    given: Mapping[str, Any],
    *,
    actor: Any = None,
    reason: str = "",
    version: str | None = None,
) -> Task:
    """Changes a task that nobody executes. Fields are those of a submission, without what cannot be changed.

    Returns the task as it is now. Raises InvalidSubmission, PayloadTooLarge, TaskMissing, or IllegalTransition where
    the task is processing or has ended; EditedMeanwhile where it is not of this version (`tasks.versions`) any more.
    """
    fixed = [name for name in UNCHANGEABLE if name in given]
    if fixed:
        raise InvalidSubmission(
            [{"code": "unchangeable", "detail": UNCHANGEABLE[name], "attr": name} for name in fixed]
        )
    try:
        edit = Edit.model_validate(given)
    except pydantic.ValidationError as error:
        raise InvalidSubmission(path_errors(error)) from None
    with database.one_transaction():
        task = Task.objects.select_for_update().filter(id=task_id).first()
        if task is None:
            raise TaskMissing(task_id)
        check_version(task, version)
        values = _values(edit, task)
        result = transitions.edit({task_id: values}, actor_id=getattr(actor, "pk", None), reason=reason)
        _note_edit(task, values, result.moved.get(task_id) or {}, actor, reason)
        database.notify_if_idle(COORDINATOR)
    report_on([task_id], result.moved, {}).of_one("edited")
    return Task.objects.get(id=task_id)


def change_priority(ids: Iterable[uuid.UUID], priority: int, *, actor: Any = None, reason: str = "") -> Report:
    """Changes the priority of tasks that wait or are queued; those come back from the broker first.

    Raises InvalidSubmission for a priority that is none.
    """
    if not LOWEST_PRIORITY <= priority <= HIGHEST_PRIORITY:
        detail = f"a priority is from {LOWEST_PRIORITY} to {HIGHEST_PRIORITY}"
        raise InvalidSubmission([{"code": "out_of_range", "detail": detail, "attr": "priority"}])
    wanted, moved = list(dict.fromkeys(ids)), list[uuid.UUID]()
    operation = auditing.Operation(
        verb="change priority", kind="task", actor=actor, reason=reason, after={"priority": priority}
    )
    for start in range(0, len(wanted), AT_ONCE):
        with database.one_transaction():
            edits: dict[uuid.UUID, dict[str, Any]] = {
                each: {"priority": priority} for each in wanted[start : start + AT_ONCE]
            }
            edited = transitions.edit(edits, actor_id=getattr(actor, "pk", None), reason=reason).moved
            moved += edited
            operation.add(each for each, changes in edited.items() if changes)
            database.notify_if_idle(COORDINATOR)
    return report_on(wanted, moved, {})


def run_now(ids: Iterable[uuid.UUID], *, actor: Any = None, reason: str = "") -> Report:
    """Makes scheduled and retrying tasks due at once."""
    wanted = list(dict.fromkeys(ids))
    with database.one_transaction():
        moved = transitions.hurry(wanted, actor_id=getattr(actor, "pk", None), reason=reason)
        auditing.record(
            verb="run now", kind="task", actor=actor, reason=reason, ids=[each for each in wanted if each in moved]
        )
        database.notify_if_idle(COORDINATOR)
    due = "it is due already"
    why = {
        TaskStatus.PENDING: due,
        TaskStatus.QUEUED: due,
        TaskStatus.BLOCKED: "it waits for other tasks",
        TaskStatus.FAILED: "retry it instead",
    }
    return report_on(wanted, moved, {status.value: reason for status, reason in why.items()})


def _note_edit(task: Task, values: dict[str, Any], changes: Mapping[str, Any], actor: Any, reason: str) -> None:
    if not changes:
        return
    before, after = ({name: pair[which] for name, pair in changes.items()} for which in (0, 1))
    if "payload" in changes:  # the events do not hold it; the audit trail shows it to those who may see payloads
        before["payload"], after["payload"] = task.payload, json.loads(values["payload"])
    auditing.record(
        verb="edit", kind="task", target=str(task.pk), actor=actor, reason=reason, before=before, after=after
    )


def _values(edit: Edit, task: Task) -> dict[str, Any]:
    """Returns the columns to be written. Raises InvalidSubmission with every error found, or PayloadTooLarge."""
    given = edit.model_fields_set
    errors: list[dict[str, str]] = []
    values: dict[str, Any] = {
        name: getattr(edit, name)
        for name in ("name", "queue", "priority", "tags", "timeout", "max_attempts", "run_at", "delay")
        if name in given
    }
    if "on_dependency_failure" in given:
        values["on_dependency_failure"] = edit.on_dependency_failure.value
    if "retry" in given and edit.retry is not None:
        values["retry"] = edit.retry.model_dump(mode="json")
    if "payload" in given:
        payload = with_secrets_kept(edit.payload, task.payload, "payload", errors)
        try:
            text = payload_text(payload, registry.get(task.type), "payload", errors)
            values |= {"payload": text, "payload_bytes": len(text.encode())}
        except UnknownType as error:
            errors.append({"code": "unknown_type", "detail": str(error), "attr": "type"})
    if edit.queue is not None and edit.queue not in known_queues(fresh=True):
        errors.append({"code": "unknown_queue", "detail": f"there is no queue {edit.queue!r}", "attr": "queue"})
    if edit.max_attempts is not None and edit.max_attempts <= task.failures:
        detail = f"it has failed {task.failures} times already: allow more attempts than that"
        errors.append({"code": "too_few", "detail": detail, "attr": "max_attempts"})
    if errors:
        raise InvalidSubmission(errors)
    return values
