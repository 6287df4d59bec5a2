"""A task's life as lanes: each attempt with the wait before it, and what is going on now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tasks.admin.contents import error_line
from tasks.admin.task_page.attempts import Releases
from tasks.admin.times import span
from tasks.models import TaskAttempt, TaskEvent
from tasks.states import FINAL, EventKind, TaskStatus
from tasks.wording import quoted, visible

_ENDS = (EventKind.ABANDONED, EventKind.CANCELLED)  # without an attempt, where none was being made
RUNNING, WAITING = "running", "waiting"  # outcomes of what has not ended


@dataclass(slots=True)
class Lane:
    number: int
    waits_from: datetime
    waits_until: datetime
    outcome: str  # of `Outcome`, or of the task where no attempt was made; else RUNNING or WAITING
    runs_from: datetime | None = None
    runs_until: datetime | None = None
    due_at: datetime | None = None  # still ahead
    worker: str = ""
    release: str = ""
    category: str = ""
    error: str = ""

    @property
    def waited(self) -> str:
        return span((self.waits_until - self.waits_from).total_seconds())

    @property
    def ran(self) -> str:
        if self.runs_from is None or self.runs_until is None:
            return ""
        return span((self.runs_until - self.runs_from).total_seconds())

    @property
    def in_words(self) -> str:
        if self.runs_from is None:
            if self.outcome == WAITING:
                return f"Has waited {self.waited} for attempt {self.number}."
            return f"Waited {self.waited}, and ended {self.outcome} without an attempt."
        on = f" on {self.worker}" if self.worker else ""
        of = f" (release {self.release})" if self.release else ""
        begun = f"Attempt {self.number} waited {self.waited}"
        if self.outcome == RUNNING:
            return f"{begun} and has been running for {self.ran}{on}{of}."
        why = f": {quoted(self.error, 160)[1:-1]}" if self.error else ""
        kind = f" by {self.category}" if self.category else ""
        return f"{begun}, ran {self.ran}{on}{of} and ended {self.outcome}{kind}{why}."


def lanes_of(
    task: Any, attempts: Sequence[TaskAttempt], events: Sequence[TaskEvent], releases: Releases, *, is_cut: bool
) -> list[Lane]:
    """`attempts` and `events` come newest first. Where older attempts were left out, no wait is known of the first."""
    back = sorted(event.at for event in events if event.kind in (EventKind.REVIVED, EventKind.REBLOCKED))
    lanes: list[Lane] = []
    begin = attempts[-1].started_at if is_cut and attempts else task.created_at
    for attempt in reversed(attempts):
        begin = _back_since(begin, attempt.started_at, back)
        lanes.append(
            Lane(
                attempt.number,
                min(begin, attempt.started_at),
                attempt.started_at,
                attempt.outcome,
                attempt.started_at,
                max(attempt.started_at, attempt.finished_at),
                worker=visible(attempt.worker),
                release=releases.get(attempt.number, ""),
                category=attempt.get_category_display(),
                error=error_line(attempt.error_class, attempt.error_message),
            )
        )
        begin = attempt.finished_at
    ended = max((event.at for event in events if event.kind in _ENDS), default=None)
    waited = not attempts or (ended is not None and ended > attempts[0].finished_at)
    last = _last(task, _back_since(begin, task.seen_at, back), releases, waited=waited)
    return [*lanes, last] if last is not None else lanes


def _last(task: Any, begin: datetime, releases: Releases, *, waited: bool) -> Lane | None:
    """Returns the attempt that is running or waited for; or the wait at whose end the task ended without one."""
    now = task.seen_at
    if task.status == TaskStatus.PROCESSING:
        started = task.started_at or now
        release = releases.get(task.attempt, "")
        return Lane(
            task.attempt, min(begin, started), started, RUNNING, started, max(started, now),
            worker=visible(task.worker), release=release,
        )  # fmt: skip
    if task.status not in FINAL:
        due_at = task.run_at if task.run_at > now and task.status != TaskStatus.BLOCKED else None
        return Lane(task.attempt + 1, min(begin, now), now, WAITING, due_at=due_at)
    if waited:
        ended = task.finished_at or now
        return Lane(task.attempt + 1, min(begin, ended), ended, task.status)
    return None


def _back_since(ended: datetime, until: datetime, back: Sequence[datetime]) -> datetime:
    """Returns since when it waited: from the end of the attempt before, or from when it came back from the dead."""
    return max((moment for moment in back if ended < moment <= until), default=ended)
