"""One task as the dictionary model has it, and the same picture read from the rows. No rule of the engine is here."""

import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from tasks import database
from tasks.models import DeadLetter, Task, TaskAttempt, TaskDependency, TaskEvent
from tasks.states import OnDependencyFailure, Outcome, TaskStatus

LONG = 10_000.0  # seconds that nothing here takes: times lie that far ahead, that far back, or are of now


class When(Enum):
    AHEAD = "ahead"
    NOW = "now"
    LONG_AGO = "long ago"


@dataclass
class Life:
    """What the model knows of a task."""

    id: uuid.UUID
    type: str
    queue: str
    priority: int
    status: TaskStatus
    policy: OnDependencyFailure
    when: When
    max_attempts: int
    budget: int
    parents: dict[uuid.UUID, bool] = field(default_factory=dict)  # each with whether it is met
    attempt: int = 0
    uncounted: int = 0
    suspect: bool = False
    losses: int = 0
    returns: int = 0
    asked: bool = False  # to be cancelled
    parked: bool = False
    has_dependents: bool = False
    unsettled: bool = False
    attempts: dict[int, tuple[Outcome, uuid.UUID]] = field(default_factory=dict)
    letters: Counter[str] = field(default_factory=Counter)  # by their resolutions
    events: Counter[str] = field(default_factory=Counter)
    # What only the model looks at.
    alone: bool = False
    holder: uuid.UUID | None = None
    is_expired: bool = False
    is_old: bool = False
    compensates: uuid.UUID | None = None
    can_be_undone: bool = False

    @property
    def unmet(self) -> int:
        return sum(not met for met in self.parents.values())

    @property
    def failures(self) -> int:
        return self.attempt - self.uncounted

    def picture(self) -> dict[str, Any]:
        """Returns what has to stand in the rows."""
        shown = {name: getattr(self, name) for name in _SHOWN}
        return shown | {
            "status": str(self.status),
            "policy": str(self.policy),
            "attempts": {number: (str(outcome), holder) for number, (outcome, holder) in self.attempts.items()},
            "letters": dict(+self.letters),
            "events": {str(kind): count for kind, count in (+self.events).items()},
            "parents": dict(self.parents),
            "holder": self.holder if self.status == TaskStatus.PROCESSING else None,
            "alone": self.alone if self.status == TaskStatus.PROCESSING else False,
        }


_SHOWN = (
    "type", "queue", "priority", "unmet", "when", "max_attempts", "budget", "attempt", "uncounted", "suspect",
    "losses", "returns", "asked", "parked", "has_dependents", "unsettled", "compensates",
)  # fmt: skip
_COLUMNS = (
    "id", "type", "queue", "priority", "status", "on_dependency_failure", "run_at", "max_attempts", "budget", "attempt",
    "uncounted", "suspect", "losses", "returns", "cancel_requested_at", "parked", "unmet", "has_dependents",
    "unsettled", "compensates_id", "alone", "incarnation", "finished_at", "lease_expires_at",
)  # fmt: skip

Pictures = dict[uuid.UUID, dict[str, Any]]


def read_rows() -> Pictures:
    """Returns the picture of each stored task, after what must hold within one row has been asserted."""
    now = database.now()
    letters: dict[uuid.UUID, Counter[str]] = defaultdict(Counter)
    events: dict[uuid.UUID, Counter[str]] = defaultdict(Counter)
    parents: dict[uuid.UUID, dict[uuid.UUID, bool]] = defaultdict(dict)
    attempts: dict[uuid.UUID, dict[int, tuple[str, uuid.UUID | None]]] = defaultdict(dict)
    for task, resolution in DeadLetter.objects.values_list("task_id", "resolution"):
        letters[task][resolution] += 1
    for task, kind in TaskEvent.objects.values_list("task_id", "kind"):
        events[task][kind] += 1
    for child, parent, met in TaskDependency.objects.values_list("child_id", "parent_id", "met"):
        parents[child][parent] = met
    for task, number, outcome, holder in TaskAttempt.objects.values_list("task_id", "number", "outcome", "incarnation"):
        attempts[task][number] = outcome, holder
    pictures = {}
    for row in Task.objects.values(*_COLUMNS):
        task = row["id"]
        running = row["status"] == TaskStatus.PROCESSING
        since = (row["run_at"] - now).total_seconds()
        pictures[task] = {name: row[name] for name in _SHOWN if name in row} | {
            "status": row["status"],
            "policy": row["on_dependency_failure"],
            "when": When.AHEAD if since > LONG / 2 else When.LONG_AGO if since < -LONG / 2 else When.NOW,
            "asked": row["cancel_requested_at"] is not None,
            "parked": row["parked"] != "",
            "compensates": row["compensates_id"],
            "attempts": attempts.pop(task, {}),
            "letters": dict(letters.pop(task, {})),
            "events": dict(events.pop(task, {})),
            "parents": parents.pop(task, {}),
            "holder": row["incarnation"] if running else None,
            "alone": row["alone"],
            "is_finished": row["finished_at"] is not None,
        }
        assert (row["lease_expires_at"] is not None) == running, f"{task} is {row['status']}: its lease says otherwise"
    left = {"attempts": attempts, "letters": letters, "events": events, "edges": parents}
    assert not any(left.values()), f"rows of tasks that do not exist: {left}"
    return pictures
