"""The box that says why a waiting task is not running, with the evidence and the button that mends it."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from tasks.admin.badges import STATUS_COLOURS
from tasks.admin.contents import shown
from tasks.admin.queue_verbs import VERBS as QUEUE_VERBS
from tasks.admin.task_verbs import VERBS as TASK_VERBS
from tasks.admin.times import stamp_and_age
from tasks.explaining import EXPLAINED, Remedy, why_not_running
from tasks.states import TaskStatus
from tasks.wording import visible

Row = dict[str, Any]

_VERBS = {("task", verb.name): verb for verb in TASK_VERBS} | {("queue", verb.name): verb for verb in QUEUE_VERBS}


def why_box(request: HttpRequest, task: Any) -> Row | None:
    if task.status not in EXPLAINED:
        return None
    found = why_not_running(task)
    lists = {name: value for name, value in found.evidence.items() if _is_of_tasks(value)}
    return {
        "cause": found.cause.label,
        "sentence": found.sentence,
        "also": found.also,
        "facts": [
            (name.replace("_", " ").capitalize(), _value(value, task.seen_at))
            for name, value in found.evidence.items()
            if name not in lists and value not in (None, [], "", False)
        ],
        "tasks": [_task(each) for value in lists.values() for each in value],
        "remedy": _remedy(request, found.remedy) if found.remedy else None,
    }


def _is_of_tasks(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _task(each: Row) -> Row:
    return {
        "address": reverse("admin:tasks_task_change", args=[each["id"]]),
        "name": visible(each["name"] or each["type"]),
        "status": TaskStatus(each["status"]).label,
        "colour": STATUS_COLOURS.get(each["status"], ""),
        "worker": visible(each.get("worker") or ""),
    }


def _value(value: Any, now: datetime) -> Any:
    if isinstance(value, datetime):
        return stamp_and_age(value, now)
    if isinstance(value, list):
        return ", ".join(visible(str(each)) for each in value)
    if isinstance(value, bool):
        return "yes"
    return f"{value:,}" if isinstance(value, int) else shown(str(value))


def _remedy(request: HttpRequest, remedy: Remedy) -> Row:
    """Returns the words, with an address where the user may go there and do it."""
    return {"words": remedy.words, "address": _address(request.user, remedy)}


def _address(user: Any, remedy: Remedy) -> str:
    if remedy.kind == "worker":
        return reverse("admin:tasks_worker_changelist") if user.has_perm("tasks.view_worker") else ""
    verb = _VERBS.get((remedy.kind, remedy.verb))
    allowed = verb.may_be_used_by(user) if verb is not None else remedy.verb == "change"
    if not allowed or not user.has_perm(f"tasks.view_{remedy.kind}"):
        return ""
    return reverse(f"admin:tasks_{remedy.kind}_{remedy.verb}", args=[remedy.target])
