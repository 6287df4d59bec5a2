"""A task's place among others: what it waits for, what waits for it, what it was made of."""

from typing import Any

from django.utils.safestring import SafeString

from tasks import overviews
from tasks.admin.attempt_admin import task_link
from tasks.admin.badges import STATUS_COLOURS
from tasks.models import Task
from tasks.states import TaskStatus

SHOWN = 50


def relations(task: Task) -> list[dict[str, Any]]:
    """Returns a table for each side that has any: badges and links, at most SHOWN."""
    tables = []
    sides = [("Waits for", overviews.parents_of(task.pk), "parent")]
    if task.has_dependents:
        sides.append(("Is waited for by", overviews.children_of(task.pk), "child"))
    for title, edges, end in sides:
        found = list(edges[: SHOWN + 1])
        if found:
            rows = [_row(getattr(edge, end)) for edge in found[:SHOWN]]
            tables.append({"title": title, "rows": rows, "is_cut": len(found) > SHOWN, "shown": SHOWN})
    return tables


def _row(other: Task) -> dict[str, Any]:
    return {
        "status": other.get_status_display(),
        "colour": STATUS_COLOURS.get(other.status, ""),
        "link": task_link(other.pk, other.name or other.type),
    }


def kin(task: Task) -> list[tuple[str, SafeString]]:
    """Returns links to what it is a copy of, what it undoes, and what undoes it."""
    facts = []
    if task.clone_of_id:
        facts.append(("Copy of", task_link(task.clone_of_id, task.clone_of_id)))
    if task.compensates_id:
        facts.append(("Undoes", task_link(task.compensates_id, task.compensates_id)))
    if task.status == TaskStatus.COMPLETED:
        undone_by = Task.objects.filter(compensates_id=task.pk).exclude(status=TaskStatus.CANCELLED)
        found = undone_by.values_list("pk", flat=True).first()
        if found is not None:
            facts.append(("Undone by", task_link(found, found)))
    return facts
