"""The whole page, put together."""

from typing import Any

from django.http import HttpRequest

from tasks import overviews
from tasks.admin.badges import STATUS_COLOURS
from tasks.admin.contents import error_line, may_see_contents, pretty, shown
from tasks.admin.task_page.attempts import attempt_row, releases_of, running_row
from tasks.admin.task_page.facts import facts_of
from tasks.admin.task_page.graph import graph_of
from tasks.admin.task_page.life import life_of
from tasks.admin.task_page.log import log_of
from tasks.admin.task_page.siblings import siblings_of
from tasks.admin.task_page.timetable import timetable_of
from tasks.admin.task_page.why import why_box
from tasks.admin.times import stamp
from tasks.models import Task, TaskAttempt, TaskEvent
from tasks.states import Outcome, TaskStatus

ATTEMPTS_SHOWN, ATTEMPTS_OPEN, EVENTS_SHOWN = 50, 8, 100
CONTENTS_SHOWN = 200_000  # characters: a payload may be a mebibyte, and a result much more

Row = dict[str, Any]


def task_page(request: HttpRequest, task: Any) -> Row:
    """Returns what the template shows. The task comes with `seen_at`."""
    seen = may_see_contents(request)
    stored = task.attempts.order_by("-number")
    if not seen:
        stored = stored.defer("result", "traceback")
    attempts: list[TaskAttempt] = list(stored[:ATTEMPTS_SHOWN])
    events = list(task.events.select_related("actor").order_by("-id")[:EVENTS_SHOWN])
    releases = releases_of(task, attempts)
    completed = bool(attempts) and attempts[0].outcome == Outcome.COMPLETED
    running = [running_row(task, releases)] if task.status == TaskStatus.PROCESSING else []
    rows = running + [attempt_row(attempt, releases, seen) for attempt in attempts]
    return {
        "badges": [(task.get_status_display(), STATUS_COLOURS.get(task.status, ""))],
        "heading": _heading(task),
        "why": why_box(request, task),
        "facts": facts_of(request, task, events),
        "failure": _failure(task, attempts[0] if attempts else None),
        "life": life_of(task, attempts, events, releases),
        "contents": [
            ("Payload", _cut(pretty(task.payload)) if seen else ""),
            ("Result", _cut(pretty(attempts[0].result)) if seen and completed else ""),
        ],
        "attempts_open": rows[:ATTEMPTS_OPEN],
        "attempts_folded": rows[ATTEMPTS_OPEN:],
        "older_attempts": len(attempts) == ATTEMPTS_SHOWN,
        "timetable": timetable_of(task, attempts),
        "log": log_of(request, task) if seen else None,
        "graph": graph_of(task),
        "siblings": siblings_of(task),
        "events": [_event(event) for event in events],
    }


def _heading(task: Any) -> Row:
    """What an operator looks for first: which attempt it is, how far it has come, what was asked of it."""
    return {
        "attempt": f"{task.failures} of {task.max_attempts}" if task.attempt else "",
        "progress": None if task.progress is None else round(task.progress * 100),
        "progress_text": shown(task.progress_text),
        "is_running": task.status == TaskStatus.PROCESSING,
        "cancel_requested": task.cancel_requested_at is not None and task.status == TaskStatus.PROCESSING,
        "seen_at": stamp(task.seen_at),
    }


def _failure(task: Task, newest: TaskAttempt | None) -> Row | None:
    """Returns what went wrong last, unless it went well since: an attempt's error, or why none was made."""
    given_up = overviews.failures_without_attempt([task], {task.id: newest} if newest else {}).get(task.id)
    if given_up is not None:
        return {"title": "Failed without an attempt", "error": error_line(given_up.error_class, given_up.message)}
    if newest is None or not (newest.error_class or newest.error_message) or task.status == TaskStatus.COMPLETED:
        return None
    return {
        "title": f"Attempt {newest.number} {newest.get_outcome_display().lower()}",
        "category": newest.get_category_display(),
        "error": error_line(newest.error_class, newest.error_message),
        "number": newest.number,
        "is_past": task.status != TaskStatus.FAILED,  # it may still become well
    }


def _cut(text: str) -> str:
    return text if len(text) <= CONTENTS_SHOWN else f"{text[:CONTENTS_SHOWN]}\n… {len(text) - CONTENTS_SHOWN:,} more"


def _event(event: TaskEvent) -> Row:
    return {
        "at": stamp(event.at),
        "kind": event.get_kind_display(),
        "attempt": event.attempt,
        "actor": event.actor,
        "reason": shown(event.reason),
        "changes": [(name, *map(_value, values)) for name, values in (event.changes or {}).items()],
    }


def _value(value: Any) -> Any:
    return shown(value) if isinstance(value, str) else value
