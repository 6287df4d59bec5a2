"""Whether the machinery runs, as its rows say: who leads, whether the broker answers, which workers are there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from tasks import database
from tasks.leadership import COORDINATOR
from tasks.models import Task, Worker
from tasks.states import TaskStatus, WorkerState

SUSPECTED_FROM = 2 / 3  # of WORKER_ONLINE_SECONDS: two heartbeats are missing, where that is left as it is
RUNNING_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Coordinator:
    """`broker_error` is what the leader's dispatcher met last; without a leader nobody can tell."""

    is_leading: bool
    holder: str
    term: int
    seconds_away: float | None  # since the last lead ran out, where nobody leads
    broker_error: str

    @property
    def broker_answers(self) -> bool | None:
        return not self.broker_error if self.is_leading else None


def coordinator() -> Coordinator:
    rows = database.run(
        f"""SELECT holder, term, broker_error, {database.seconds_since("expires_at")}
        FROM tasks_leadership WHERE role = %s""",
        [COORDINATOR],
    )
    if not rows:
        return Coordinator(False, "", 0, None, "")
    holder, term, broker_error, over = rows[0]
    leads = over is not None and float(over) < 0
    return Coordinator(leads, holder, term, None if leads or over is None else float(over), broker_error)


def worker_state(worker: Worker, now: datetime) -> WorkerState:
    """`now` is the database's time."""
    if worker.stopped_at is not None:
        return WorkerState.STOPPED
    silent = (now - worker.heartbeat_at).total_seconds()
    if silent >= settings.WORKER_ONLINE_SECONDS:
        return WorkerState.GONE
    return WorkerState.SUSPECTED if silent >= settings.WORKER_ONLINE_SECONDS * SUSPECTED_FROM else WorkerState.ALIVE


def workers_by_state(now: datetime) -> dict[WorkerState, list[Worker]]:
    """Returns the workers' names, processes and heartbeats, by state."""
    found: dict[WorkerState, list[Worker]] = {state: [] for state in WorkerState}
    for worker in Worker.objects.only("name", "group", "processes", "heartbeat_at", "stopped_at", "last_task_at"):
        found[worker_state(worker, now)].append(worker)
    return found


def running_on(worker: str) -> list[Task]:
    """Returns what the worker holds leases of, as far as RUNNING_SHOWN and one more."""
    rows = Task.objects.filter(status=TaskStatus.PROCESSING, worker=worker).order_by("started_at")
    return list(rows.only("id", "name", "type", "queue", "attempt", "started_at", "lease_expires_at", "status",
                          "progress", "timeout")[: RUNNING_SHOWN + 1])  # fmt: skip


def running_by_worker(workers: Iterable[str]) -> dict[str, int]:
    """Returns how many leases each of these workers holds, in one statement over what is processing."""
    names = list(workers)
    if not names:
        return {}
    rows = database.run(
        f"""SELECT worker, count(*) FROM tasks_task WHERE status = '{TaskStatus.PROCESSING.value}'
        AND worker IN ({", ".join("%s" for _ in names)}) GROUP BY worker""",
        names,
    )
    return {row[0]: row[1] for row in rows}
