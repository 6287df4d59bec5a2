"""The picture of a task's life: what the template draws, with places in per cent of its width."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tasks.admin.contents import shown
from tasks.admin.task_page.attempts import Releases
from tasks.admin.task_page.lanes import RUNNING, WAITING, Lane, lanes_of
from tasks.admin.task_page.scale import Scale
from tasks.admin.times import since, span, stamp
from tasks.models import TaskAttempt, TaskEvent
from tasks.states import Outcome, TaskStatus

ROOMY_UP_TO = 12  # lanes: more are drawn thinner, and named each fifth
ROOMY, DENSE = 26, 10  # pixels a lane
MARKS = 16  # pixels for what happened between the attempts
NAMED_FROM, NAMED_ON_WIDE_FROM = 25.0, 9.0  # per cent: a bar that is shorter has no room for its length

Row = dict[str, Any]


def life_of(task: Any, attempts: Sequence[TaskAttempt], events: Sequence[TaskEvent], releases: Releases) -> Row:
    """`attempts` and `events` come newest first, and may be the newest of many."""
    is_cut = bool(attempts) and attempts[-1].number > 1
    lanes = lanes_of(task, attempts, events, releases, is_cut=is_cut)
    start = min([lane.waits_from for lane in lanes] or [task.created_at])
    end = max([_end(lane) for lane in lanes] or [task.seen_at])
    runs = [(lane.runs_from, lane.runs_until) for lane in lanes if lane.runs_from and lane.runs_until]
    scale = Scale(start, end, runs)
    marks = [_mark(event, scale) for event in reversed(events) if start <= event.at <= end]
    height = ROOMY if len(lanes) <= ROOMY_UP_TO else DENSE
    top = MARKS if marks else 0
    rows = [_row(lane, scale, top + index * height, height) for index, lane in enumerate(lanes)]
    outcomes = {lane.outcome for lane in lanes}
    return {
        "rows": rows,
        "marks": marks,
        "top": top,
        "height": top + len(lanes) * height,
        "lane": height,
        "is_dense": height == DENSE,
        "is_cut": is_cut,
        "is_shortened": any(row["wait"]["is_shortened"] for row in rows),
        "now": _percent(scale.place(task.seen_at)) if outcomes & {RUNNING, WAITING} else None,
        "from": stamp(start),
        "until": "now" if end == task.seen_at else stamp(end),
        "whole": span((end - start).total_seconds()),
        "legend": _legend(outcomes, any(lane.due_at for lane in lanes)),
        "words": [lane.in_words for lane in lanes],
        "summary": _summary(lanes, task),
    }


def _row(lane: Lane, scale: Scale, y: int, height: int) -> Row:
    bar = 12 if height == ROOMY else 6
    row: Row = {
        "number": lane.number,
        "is_attempt": lane.runs_from is not None,
        "is_named": height == ROOMY or lane.number == 1 or lane.number % 5 == 0,
        "outcome": lane.outcome,
        "y": y + (height - bar) // 2,
        "middle": y + height // 2,
        "bar": bar,
        "words": lane.in_words,
        "note": _note(lane),
        "wait": _bar(scale, lane.waits_from, lane.waits_until, lane.waited),
    }
    row["wait"]["is_shortened"] = scale.is_cut(lane.waits_from, lane.waits_until)
    if lane.runs_from is not None and lane.runs_until is not None:
        row["run"] = _bar(scale, lane.runs_from, lane.runs_until, lane.ran)
    if lane.due_at is not None:
        row["ahead"] = _bar(scale, lane.waits_until, lane.due_at, "")
    return row


def _bar(scale: Scale, begin: datetime, end: datetime, words: str) -> Row:
    left, right = scale.place(begin), scale.place(end)
    width = max(0.0, right - left)
    return {
        "x": _percent(left),
        "width": _percent(width),
        "end": _percent(right),
        "centre": _percent(left + width / 2),
        "length": words if width >= NAMED_ON_WIDE_FROM else "",
        "is_roomy": width >= NAMED_FROM,
    }


def _note(lane: Lane) -> str:
    if lane.outcome == WAITING:
        return f"due {since(lane.due_at, lane.waits_until)}" if lane.due_at else f"waiting {lane.waited}"
    if lane.runs_from is None:
        return TaskStatus(lane.outcome).label.lower()
    said = RUNNING if lane.outcome == RUNNING else Outcome(lane.outcome).label.lower()
    return " · ".join(part for part in (said, lane.ran, lane.category) if part)


def _mark(event: TaskEvent, scale: Scale) -> Row:
    by = f" by {event.actor}" if event.actor else ""
    reason = f": {shown(event.reason)}" if event.reason else ""
    return {
        "x": _percent(scale.place(event.at)),
        "words": f"{stamp(event.at)} {event.get_kind_display()}{by}{reason}",
    }


def _legend(outcomes: set[str], is_ahead: bool) -> list[tuple[str, str]]:
    """Returns a class and a word for each colour that is in the picture."""
    words = [(WAITING, "waiting")]
    words += [(each.value, each.label.lower()) for each in Outcome if each.value in outcomes]
    if RUNNING in outcomes:
        words.append((RUNNING, "running"))
    if is_ahead:
        words.append(("ahead", "not due yet"))
    return words


def _summary(lanes: Sequence[Lane], task: Any) -> str:
    attempts = sum(lane.runs_from is not None for lane in lanes)
    number = "no attempt yet" if not attempts else "1 attempt" if attempts == 1 else f"{attempts} attempts"
    return f"The task's life: {number}; it is {task.get_status_display().lower()}."


def _end(lane: Lane) -> datetime:
    return lane.due_at or lane.runs_until or lane.waits_until


def _percent(place: float) -> str:
    return f"{place:.3f}%"
