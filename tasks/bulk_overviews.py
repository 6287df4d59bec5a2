"""How far a bulk action is, in the numbers that pages show."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tasks.models import BulkAction, BulkActionItem, Task
from tasks.states import Watched


@dataclass(frozen=True, slots=True)
class Progress:
    total: int
    touched: int
    percent: int
    counts: list[tuple[str, str]]
    skip_reasons: list[tuple[str, str]]
    guard: list[tuple[str, str]] = field(default_factory=list)


def progress_of(action: BulkAction) -> Progress:
    touched = action.total - action.left
    counts = {"Done": action.done, "Skipped": action.skipped, "Failed": action.failed, "Not touched": action.left}
    reasons = sorted(action.skip_reasons.items(), key=lambda each: (-each[1], each[0]))
    return Progress(
        total=action.total,
        touched=touched,
        percent=touched * 100 // action.total if action.total else 100,
        counts=[(name, f"{number:,}") for name, number in counts.items()],
        skip_reasons=[(why, f"{number:,}") for why, number in reasons],
        guard=_guard(action.guard, action) if action.guard else [],
    )


def names_of_items(items: Iterable[BulkActionItem]) -> dict[uuid.UUID, tuple[str, str]]:
    """Returns type and name of the items' tasks by the tasks' ids, by one statement."""
    rows = Task.objects.filter(pk__in=[item.task_id for item in items if item.task_id])
    return {task_id: (type_name, name) for task_id, type_name, name in rows.values_list("id", "type", "name")}


def _guard(guard: dict[str, Any], action: BulkAction) -> list[tuple[str, str]]:
    ended = sum(action.ended.values())
    failed = action.ended.get(Watched.FAILED, 0)
    share = f" ({failed / ended:.0%})" if ended else ""
    return [
        ("Canary", f"{guard['canary']:,}"),
        ("Failures allowed", f"{guard['failure_share'] * 100:g} %"),
        ("Rate after it", f"{guard['rate']:g} a second"),
        ("Brought back", f"{action.done:,}"),
        ("Of these completed", f"{action.ended.get(Watched.COMPLETED, 0):,}"),
        ("Failed again", f"{failed:,}{share}"),
        ("Still under way", f"{max(0, action.done - ended):,}"),
    ]
