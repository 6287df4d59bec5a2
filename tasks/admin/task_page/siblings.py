"""How the latest tasks of the same type went: a strip of small bars, the oldest first."""

from typing import Any

from django.urls import reverse

from tasks.admin.times import since, span
from tasks.models import Task
from tasks.states import TaskStatus
from tasks.wording import number_of

SHOWN = 30
HEIGHT, LEAST = 36, 8  # pixels of the strip, and of the shortest bar


def siblings_of(task: Any) -> dict[str, Any] | None:
    """Returns the strip, or None where it is the first of its type."""
    newest = (
        Task.objects.filter(type=task.type)
        .only("status", "created_at", "started_at", "finished_at")
        .order_by("-created_at")[:SHOWN]
    )
    found: list[Task] = list(reversed(newest))
    if len(found) < 2:
        return None
    longest = max(filter(None, map(_seconds, found)), default=0.0)
    counts: dict[str, int] = {}
    for each in found:
        counts[each.status] = counts.get(each.status, 0) + 1
    words = ", ".join(f"{count} {TaskStatus(status).label.lower()}" for status, count in sorted(counts.items()))
    return {
        "bars": [_bar(number, each, longest, task) for number, each in enumerate(found)],
        "words": f"The latest {number_of(len(found), 'task')} of this type: {words}.",
        "longest": span(longest) if longest else "",
        "all": f"{reverse('admin:tasks_task_changelist')}?type={task.type}",
    }


def _seconds(task: Task) -> float | None:
    if task.started_at is None or task.finished_at is None:
        return None
    return (task.finished_at - task.started_at).total_seconds()


def _bar(number: int, each: Task, longest: float, task: Any) -> dict[str, Any]:
    seconds = _seconds(each)
    said = [TaskStatus(each.status).label, f"created {since(each.created_at, task.seen_at)}"]
    if seconds is not None:
        said.append(f"took {span(seconds)}")
    height = max(LEAST, round(HEIGHT * seconds / longest)) if seconds and longest else LEAST
    pitch = 100 / SHOWN
    return {
        "address": reverse("admin:tasks_task_change", args=[each.pk]),
        "status": each.status,
        "x": f"{number * pitch:.3f}%",
        "y": HEIGHT - height,
        "width": f"{pitch * 0.8:.3f}%",
        "height": height,
        "words": ", ".join(said),
        "is_this": each.pk == task.pk,
    }
