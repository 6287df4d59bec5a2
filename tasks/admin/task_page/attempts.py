"""The attempts of one task, newest first, with the release of the worker that made each."""

from collections.abc import Sequence
from typing import Any

from tasks.admin.badges import OUTCOME_COLOURS, STATUS_COLOURS
from tasks.admin.contents import error_line, pretty, shown
from tasks.admin.task_page.facts import run_time
from tasks.admin.times import span, stamp, stamp_and_age
from tasks.models import Task, TaskAttempt, Worker
from tasks.states import Outcome, TaskStatus
from tasks.wording import visible

RUNNING = "Running"

Row = dict[str, Any]
Releases = dict[int, str]  # by the attempt's number


def releases_of(task: Task, attempts: Sequence[TaskAttempt]) -> Releases:
    """Returns which release the worker of each attempt was of, where that is known for certain.

    A worker's row says what it is of now: of an attempt before its last start that is no evidence.
    """
    begun = [(each.number, each.worker, each.started_at) for each in attempts]
    if task.status == TaskStatus.PROCESSING and task.started_at is not None:
        begun.append((task.attempt, task.worker, task.started_at))
    workers = Worker.objects.only("release", "started_at").in_bulk({worker for _, worker, _ in begun})
    return {
        number: visible(workers[worker].release)
        for number, worker, started_at in begun
        if worker in workers and workers[worker].started_at <= started_at
    }


def running_row(task: Any, releases: Releases) -> Row:
    return {
        "number": task.attempt,
        "outcome": RUNNING,
        "colour": STATUS_COLOURS[TaskStatus.PROCESSING],
        "worker": visible(task.worker),
        "release": releases.get(task.attempt, ""),
        "started": stamp_and_age(task.started_at, task.seen_at),
        "duration": run_time(task),
    }


def attempt_row(attempt: TaskAttempt, releases: Releases, seen: bool) -> Row:
    # A failed attempt keeps the details that its handler gave as its result; that of a completed one is shown above.
    details = seen and attempt.outcome != Outcome.COMPLETED and attempt.result is not None
    return {
        "number": attempt.number,
        "outcome": attempt.get_outcome_display(),
        "colour": OUTCOME_COLOURS.get(attempt.outcome, ""),
        "worker": visible(attempt.worker),
        "release": releases.get(attempt.number, ""),
        "started": stamp(attempt.started_at),
        "finished": stamp(attempt.finished_at),
        "duration": span(attempt.duration_ms / 1000),
        "category": attempt.get_category_display(),
        "error": error_line(attempt.error_class, attempt.error_message),
        "details": pretty(attempt.result) if details else "",
        "traceback": shown(attempt.traceback) if seen else "",
    }
