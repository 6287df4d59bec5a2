"""One task's life: what happened, what is happening, and when it will be tried again if that fails."""

from tasks import database
from tasks.api import shapes
from tasks.api.answers import AttemptShape, PlannedShape, TimelineShape
from tasks.models import Task
from tasks.retry_policy import RetryPolicy
from tasks.states import FINAL, TaskStatus

MOST_ATTEMPTS_SHOWN, MOST_EVENTS_SHOWN = 200, 500

RUNNING = "running"


def timeline(task: Task, *, with_payload: bool) -> TimelineShape:
    """Times are in order; of long lives the newest part is shown, and `is_cut` says so."""
    events = list(task.events.select_related("actor").order_by("-id")[: MOST_EVENTS_SHOWN + 1])
    newest = list(task.attempts.order_by("-number")[: MOST_ATTEMPTS_SHOWN + 1])
    attempts = [
        shapes.attempt_shape(each, with_payload=with_payload) for each in reversed(newest[:MOST_ATTEMPTS_SHOWN])
    ]
    if task.status == TaskStatus.PROCESSING:
        attempts.append(_running(task))
    return {
        "task": task.id,
        "status": task.status,
        "now": database.now(),
        "created_at": task.created_at,
        "created_by": shapes.name_of(task.created_by),
        "finished_at": task.finished_at,
        "attempts": attempts,
        "events": [shapes.event_shape(each) for each in reversed(events[:MOST_EVENTS_SHOWN])],
        "planned": planned(task),
        "retry": task.retry,
        "timetable": shapes.timetable(task),
        "is_cut": len(newest) > MOST_ATTEMPTS_SHOWN or len(events) > MOST_EVENTS_SHOWN,
    }


def planned(task: Task) -> list[PlannedShape]:
    """Returns the attempts that may still come: the next one with its time, and those after failures.

    Waits are in seconds after the failure of the attempt before. A task that has ended has none.
    """
    if task.status in FINAL:
        return []
    policy = RetryPolicy.model_validate(task.retry)
    attempt, failures = task.attempt, task.failures
    found: list[PlannedShape] = []
    if task.status != TaskStatus.PROCESSING:
        attempt, failures = attempt + 1, failures + 1
        not_before = None if task.status == TaskStatus.BLOCKED else task.run_at
        found.append({"number": attempt, "not_before": not_before, "shortest_wait": None, "longest_wait": None})
    later = policy.planned(attempt=attempt, failures=failures, max_attempts=task.max_attempts)
    found += [
        {
            "number": each.number,
            "not_before": None,
            "shortest_wait": each.shortest_wait,
            "longest_wait": each.longest_wait,
        }
        for each in later
    ]
    return found


def _running(task: Task) -> AttemptShape:
    return {
        "number": task.attempt,
        "outcome": RUNNING,
        "worker": task.worker,
        "started_at": task.started_at,
        "finished_at": None,
        "duration_ms": None,
        "result": None,
        "error": None,
        "traceback": None,
    }
