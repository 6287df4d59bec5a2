"""Reads for people, beside a row or over many: each costs the same number of queries whatever it finds."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Min, QuerySet, Window
from django.db.models.functions import RowNumber

from tasks.models import DeadLetter, Task, TaskAttempt, TaskDependency, TaskEvent
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


# --- Dead letters -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Group:
    """Open dead letters with the same fingerprint: what failed in the same way."""

    fingerprint: str
    count: int
    first_seen: datetime
    last_seen: datetime
    sample: DeadLetter | None = None  # the newest of them
    types: dict[str, int] = field(default_factory=dict)


def groups_of(letters: QuerySet[DeadLetter]) -> QuerySet[Any]:
    """Returns one row {fingerprint, count, first_seen, last_seen} a group of those that are open, the largest first."""
    return (
        letters.filter(resolution="")
        .order_by()
        .values("fingerprint")
        .annotate(count=Count("id"), first_seen=Min("created_at"), last_seen=Max("created_at"))
        .order_by("-count", "fingerprint")
    )


def with_samples(rows: Iterable[dict[str, Any]], letters: QuerySet[DeadLetter]) -> list[Group]:
    """Returns the groups of some rows of `groups_of`, each with its newest letter and its types."""
    groups = {row["fingerprint"]: Group(**row) for row in rows}
    open_ones = letters.filter(resolution="", fingerprint__in=list(groups))
    for row in open_ones.order_by().values("fingerprint", "type").annotate(number=Count("id")).order_by("type"):
        groups[row["fingerprint"]].types[row["type"]] = row["number"]
    place = Window(RowNumber(), partition_by="fingerprint", order_by=[F("created_at").desc(), F("id").desc()])
    for letter in open_ones.order_by().defer("traceback", "body", "x_death").annotate(place=place).filter(place=1):
        groups[letter.fingerprint].sample = letter
    return list(groups.values())


def dead_letter_stats() -> dict[str, Any]:
    """Returns how many are open, by what, since when, and how the others were resolved."""
    by: dict[str, dict[str, int]] = {"category": {}, "type": {}, "queue": {}}
    open_ones = DeadLetter.objects.filter(resolution="").order_by()
    for row in open_ones.values(*by).annotate(number=Count("id")):
        for name, counts in by.items():
            counts[row[name]] = counts.get(row[name], 0) + row["number"]
    times = open_ones.aggregate(oldest=Min("created_at"), newest=Max("created_at"))
    resolved = DeadLetter.objects.exclude(resolution="").order_by().values("resolution").annotate(number=Count("id"))
    return {
        "open": sum(by["category"].values()),
        **{f"by_{name}": dict(sorted(counts.items())) for name, counts in by.items()},
        **times,
        "resolved": {row["resolution"]: row["number"] for row in resolved},
    }
