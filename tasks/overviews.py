"""Reads for people, beside a row or over many: each costs the same number of queries whatever it finds."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from tasks.models import Task, TaskAttempt, TaskDependency, TaskEvent
from tasks.states import EventKind, FailureCategory, TaskStatus


def dependency_ids(task_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[uuid.UUID]]:
    """Returns what each of the tasks was told to wait for; nothing for those that wait for nothing."""
    found: dict[uuid.UUID, list[uuid.UUID]] = {}
    edges = TaskDependency.objects.filter(child_id__in=list(task_ids)).order_by("id")
    for child, parent in edges.values_list("child_id", "parent_id"):
        found.setdefault(child, []).append(parent)
    return found


def parents_of(task_id: uuid.UUID) -> QuerySet[TaskDependency]:
    """Returns the edges to what the task waits for, what is still missing first."""
    return _with_end(TaskDependency.objects.filter(child_id=task_id), "parent")


def children_of(task_id: uuid.UUID) -> QuerySet[TaskDependency]:
    """Returns the edges to what waits for the task, what still waits first."""
    return _with_end(TaskDependency.objects.filter(parent_id=task_id), "child")


def _with_end(edges: QuerySet[TaskDependency], end: str) -> QuerySet[TaskDependency]:
    columns = [f"{end}__{name}" for name in ("id", "name", "type", "status")]
    return edges.select_related(end).only("met", end, *columns).order_by("met", "id")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed."""

    category: str
    error_class: str
    message: str


def failures_without_attempt(tasks: Iterable[Task], newest: dict[uuid.UUID, TaskAttempt]) -> dict[uuid.UUID, Failure]:
    """Returns why those failed that were given up before an attempt, or before another one."""
    failed = {task.id: task for task in tasks if task.status == TaskStatus.FAILED}
    events = TaskEvent.objects.filter(task_id__in=failed, kind=EventKind.ABANDONED).order_by("id")
    found: dict[uuid.UUID, Failure] = {}
    for task_id, at, reason in events.values_list("task_id", "at", "reason"):
        attempt = newest.get(task_id)
        if attempt is None or attempt.finished_at < at:
            by_dependency = failed[task_id].unmet > 0
            found[task_id] = Failure(
                FailureCategory.DEPENDENCY_FAILED if by_dependency else FailureCategory.UNKNOWN_TYPE,
                "DependencyFailed" if by_dependency else "UnknownType",
                reason,
            )
    return found
