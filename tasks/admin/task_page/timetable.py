"""The retry timetable: of each attempt how long it might have waited and how long it did, and what may still come."""

from collections.abc import Sequence
from typing import Any

from tasks.admin.task_page.facts import retries
from tasks.admin.times import span, stamp
from tasks.models import TaskAttempt
from tasks.retry_policy import PlannedAttempt, RetryPolicy
from tasks.states import FINAL, Outcome, TaskStatus

PLANNED_SHOWN, OPEN_UP_TO = 20, 12

Row = dict[str, Any]


def timetable_of(task: Any, attempts: Sequence[TaskAttempt]) -> Row:
    """`attempts` come newest first, and may be the newest of many."""
    policy = RetryPolicy.model_validate(task.retry)
    rows = _past(task, policy, list(reversed(attempts)))
    coming, more = _coming(task, policy)
    rows += coming
    return {
        "policy": retries(task),
        "rows": rows,
        "more": more,
        "is_open": 1 < len(rows) <= OPEN_UP_TO,
        "is_over": task.status in FINAL,
    }


def _past(task: Any, policy: RetryPolicy, attempts: list[TaskAttempt]) -> list[Row]:
    failures = task.failures - (1 if task.status == TaskStatus.PROCESSING else 0)
    # Counted back from now: of long lives the first attempts are not here.
    failures -= sum(each.outcome not in (Outcome.LOST, Outcome.RELEASED) for each in attempts)
    rows: list[Row] = []
    before: TaskAttempt | None = None
    running = [(task.attempt, task.started_at, None)] if task.status == TaskStatus.PROCESSING else []
    for number, started_at, attempt in [*((each.number, each.started_at, each) for each in attempts), *running]:
        waited = (started_at - (before.finished_at if before else task.created_at)).total_seconds()
        retried = before is not None and before.outcome == Outcome.FAILED
        rows.append(
            {
                "number": number,
                "planned": _range(policy, failures) if retried else "",
                "waited": span(max(0.0, waited)) if before or number == 1 else "",
                "when": stamp(started_at),
                "outcome": attempt.get_outcome_display() if attempt else TaskStatus(task.status).label,
            }
        )
        if attempt is not None and attempt.outcome not in (Outcome.LOST, Outcome.RELEASED):
            failures += 1
        before = attempt
    return rows


def _coming(task: Any, policy: RetryPolicy) -> tuple[list[Row], int]:
    if task.status in FINAL:
        return [], 0
    attempt, failures = task.attempt, task.failures
    rows: list[Row] = []
    if task.status != TaskStatus.PROCESSING:
        attempt, failures = attempt + 1, failures + 1
        when = f"not before {stamp(task.run_at)}" if task.run_at > task.seen_at else "due now"
        if task.status == TaskStatus.BLOCKED:
            when = "when what it waits for is completed"
        rows.append(
            {
                "number": attempt,
                "planned": _range(policy, failures - 1) if task.status == TaskStatus.RETRYING else "",
                "when": when,
                "is_planned": True,
            }
        )
    planned = policy.planned(attempt=attempt, failures=failures, max_attempts=task.max_attempts)
    rows += [_planned(each) for each in planned[:PLANNED_SHOWN]]
    return rows, max(0, len(planned) - PLANNED_SHOWN)


def _planned(each: PlannedAttempt) -> Row:
    wait = "at once" if not each.longest_wait else span(each.longest_wait)
    limit = "up to " if each.longest_wait > each.shortest_wait else ""
    return {
        "number": each.number,
        "planned": f"{limit}{wait}",
        "when": f"if attempt {each.number - 1} fails",
        "is_planned": True,
    }


def _range(policy: RetryPolicy, failures: int) -> str:
    longest = policy.ceiling(max(1, failures))
    if not longest:
        return "at once"
    return f"{'up to ' if policy.jitter else ''}{span(longest)}"
