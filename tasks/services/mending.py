"""A dead task gets another payload and comes back with it: both or neither."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from tasks import auditing, database, registry, transitions
from tasks.exceptions import IllegalTransition, InvalidSubmission, TaskMissing, UnknownType
from tasks.models import Task
from tasks.services.preparing import payload_text, with_secrets_kept
from tasks.services.retrying import retry_tasks
from tasks.states import TaskStatus
from tasks.versions import check_version


def retry_with_payload(
    task_id: uuid.UUID,
    payload: Mapping[str, Any],
    *,
    actor: Any = None,
    reason: str = "",
    version: str | None = None,
) -> None:
    """Puts this payload into the place of the old one and retries the task. Masks stand for the secrets that they hid.

    Raises TaskMissing; EditedMeanwhile where it is not of this version any more; IllegalTransition where it has not
    failed, or failed because of another one; InvalidSubmission with the path of each error, or PayloadTooLarge.
    """
    with database.one_transaction():
        task = Task.objects.select_for_update().filter(id=task_id).first()
        if task is None:
            raise TaskMissing(task_id)
        if task.status != TaskStatus.FAILED:
            raise IllegalTransition("retried", task.status)
        check_version(task, version)
        text = _text(task, payload)
        values = {"payload": text, "payload_bytes": len(text.encode())}
        actor_id = getattr(actor, "pk", None)
        transitions.edit({task_id: values}, sources=[TaskStatus.FAILED], actor_id=actor_id, reason=reason)
        with auditing.as_part_of_another():
            retry_tasks([task_id], actor=actor, reason=reason).of_one("retried")
        auditing.record(
            verb="edit payload and retry", kind="task", target=str(task_id), actor=actor, reason=reason,
            before={"payload": task.payload}, after={"payload": json.loads(text)},
        )  # fmt: skip


def _text(task: Task, payload: Mapping[str, Any]) -> str:
    errors: list[dict[str, str]] = []
    edited = with_secrets_kept(payload, task.payload, "payload", errors)
    try:
        text = payload_text(edited, registry.get(task.type), "payload", errors)
    except UnknownType as error:
        text = ""
        errors.append({"code": "unknown_type", "detail": str(error), "attr": "type"})
    if errors:
        raise InvalidSubmission(errors)
    return text
