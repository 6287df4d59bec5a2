"""What the rows say of a task's surroundings: who leads, what holds for its queue, who serves it. Each read once."""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from django.conf import settings

from tasks import database, selectors, topology
from tasks.explaining.line_ahead import RunningGroup, running_groups
from tasks.leadership import COORDINATOR
from tasks.models import Leadership, Queue, Task, Worker
from tasks.selectors import Line
from tasks.states import Kind

WORKERS_LOOKED_AT = 200  # of those that are gone, the newest


class Situation:
    def __init__(self, task: Task) -> None:
        self.task = task

    @cached_property
    def now(self) -> datetime:
        return database.now()

    @cached_property
    def leader(self) -> Leadership | None:
        """Whoever led last; None where nobody ever did."""
        return Leadership.objects.filter(role=COORDINATOR).first()

    @property
    def is_led(self) -> bool:
        expires_at = self.leader.expires_at if self.leader else None
        return expires_at is not None and expires_at > self.now

    @cached_property
    def queue(self) -> Queue | None:
        return Queue.objects.select_related("paused_by").filter(pk=self.task.queue).first()

    # --- Who serves the queue ----------------------------------------------------------------------------------------

    @cached_property
    def workers(self) -> list[Worker]:
        return selectors.online_workers()

    @cached_property
    def lines(self) -> list[Line]:
        """The halves of the queue that anybody listens to."""
        return [line for line in selectors.lines_of(self.workers) if line.queue == self.task.queue]

    @cached_property
    def line(self) -> Line | None:
        """The half that knows the type."""
        return next((line for line in self.lines if self.task.type in line.types), None)

    @cached_property
    def knowing_elsewhere(self) -> list[str]:
        """The online workers that know the type, though none of them listens to the queue for its kind."""
        return sorted(worker.name for worker in self.workers if self.task.type in worker.types)

    @cached_property
    def last_worker(self) -> Worker | None:
        """Whoever listened to the queue last."""
        known = Worker.objects.only("queues", "heartbeat_at", "stopped_at").order_by("-heartbeat_at")
        return next((each for each in known[:WORKERS_LOOKED_AT] if self.task.queue in _queues(each.queues)), None)

    # --- Their places ------------------------------------------------------------------------------------------------

    @cached_property
    def places(self) -> int:
        """How many tasks of the line can run at once."""
        assert self.line is not None
        return self.line.processes * (settings.COROUTINES_PER_PROCESS if self.line.kind is Kind.ASYNC else 1)

    @cached_property
    def running(self) -> list[RunningGroup]:
        """What the line's workers are executing of its kind, on whatever queue: their processes are shared."""
        assert self.line is not None
        kinds = {worker.name: worker.types for worker in self.workers if self.line.name in worker.queues}
        return [each for each in running_groups() if kinds.get(each.worker, {}).get(each.type) == self.line.kind]

    @cached_property
    def taken(self) -> int:
        """How many of the places are taken. A process that runs plain tasks has claimed a few of them at a time."""
        assert self.line is not None
        if self.line.kind is Kind.ASYNC:
            found = sum(each.tasks for each in self.running)
        else:
            found = len({each.process for each in self.running})
        return min(found, self.places)

    @property
    def is_busy(self) -> bool:
        return self.taken >= self.places


def _queues(lines: Iterable[str]) -> set[str]:
    return {topology.split_line(name)[0] for name in lines if topology.is_line(name)}
