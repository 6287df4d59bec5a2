"""What a task waits for and what waits for it, as a small graph: two columns of tasks beside it, and curves between."""

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from tasks import overviews, selectors
from tasks.models import Task, TaskDependency
from tasks.wording import visible

SHOWN = 30
PITCH = 30  # pixels from one task of a column to the next

Row = dict[str, Any]


def graph_of(task: Task) -> Row | None:
    """Returns the sides that have any, at most SHOWN tasks each and how many there are; None where there is nothing."""
    sides = []
    for title, edges, end in (
        ("Waits for", overviews.parents_of(task.pk), "parent"),
        ("Is waited for by", overviews.children_of(task.pk) if task.has_dependents else None, "child"),
    ):
        side = _side(title, edges, end) if edges is not None else None
        sides.append(side)
    if not any(sides):
        return None
    height = max(side["places"] for side in sides if side) * PITCH
    for side, is_left in zip(sides, (True, False), strict=True):
        if side:
            side["curves"] = _curves(side, height, is_left)
    has_met = any(row["met"] for side in sides if side for row in side["rows"])
    return {"before": sides[0], "after": sides[1], "height": height, "has_met": has_met}


def _side(title: str, edges: QuerySet[TaskDependency], end: str) -> Row | None:
    found = list(edges[: SHOWN + 1])
    if not found:
        return None
    count, is_capped = selectors.capped_count(edges.select_related(None)) if len(found) > SHOWN else (len(found), False)
    more = count - min(len(found), SHOWN)
    return {
        "title": title,
        "rows": [_node(getattr(edge, end), edge.met) for edge in found[:SHOWN]],
        "count": f"more than {count:,}" if is_capped else f"{count:,}",
        "more": (f"and more than {more:,} others" if is_capped else f"and {more:,} more") if more else "",
        "is_cut": more > 0,
        "places": min(len(found), SHOWN) + (1 if more else 0),
    }


def _node(other: Task, met: bool) -> Row:
    return {
        "address": reverse("admin:tasks_task_change", args=[other.pk]),
        "name": visible(other.name or other.type),
        "status": other.get_status_display(),
        "state": other.status,
        "met": met,
    }


def _curves(side: Row, height: int, is_left: bool) -> list[Row]:
    """Returns a path for each task of the side, on a picture that is 100 wide."""
    top = (height - side["places"] * PITCH) / 2
    middle = height / 2
    curves = []
    for index, row in enumerate(side["rows"]):
        y = top + (index + 0.5) * PITCH
        begin, end = (y, middle) if is_left else (middle, y)
        curves.append({"d": f"M0,{begin:g} C50,{begin:g} 50,{end:g} 100,{end:g}", "met": row["met"]})
    return curves
