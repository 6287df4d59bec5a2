"""What a verb did to a set of tasks: what moved, and why the rest did not."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from tasks.exceptions import IllegalTransition, TaskMissing
from tasks.models import Task


@dataclass(slots=True)
class Report:
    """`skipped` gives each status and reason; a task that does not exist has none."""

    done: list[uuid.UUID] = field(default_factory=list)
    requested: list[uuid.UUID] = field(default_factory=list)  # to be confirmed by a worker
    skipped: dict[uuid.UUID, tuple[str, str]] = field(default_factory=dict)

    def of_one(self, verb: str) -> None:
        """For a verb on one task. Raises IllegalTransition or TaskMissing where it was skipped."""
        for task_id, (status, why) in self.skipped.items():
            if not status:
                raise TaskMissing(task_id)
            raise IllegalTransition(verb, status, why)


def report_on(
    ids: Iterable[uuid.UUID],
    done: Iterable[uuid.UUID],
    why: dict[str, str],
    *,
    requested: Iterable[uuid.UUID] = (),
) -> Report:
    """Sorts the ids. `why` says for a status why tasks in it are skipped; the others are so by their status alone."""
    report = Report(list(done), list(requested))
    rest = list(dict.fromkeys(set(ids) - set(report.done) - set(report.requested)))
    statuses = dict(Task.objects.filter(id__in=rest).values_list("id", "status"))
    for task_id in rest:
        status = statuses.get(task_id, "")
        report.skipped[task_id] = (status, why.get(status, "")) if status else ("", "there is no such task")
    return report
