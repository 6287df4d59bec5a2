"""Workers that stand still past their leases and then go on: others have their tasks, and they change nothing."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.kill_points import KillPoint
from tests.broker.armed_points import ArmedPoints
from tests.broker.conftest import namespace, opened
from tests.broker.installation import QUEUES, Databases, Installation
from tests.broker.stubborn_load import StubbornLoad

pytestmark = pytest.mark.broker

KINDS = ("plain", "async")
OTHERS = {kind: f"{kind}-other" for kind in KINDS}
WITHIN = 60


@pytest.fixture(scope="module")
def installation(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Two workers of each kind on the same queues."""
    made = Installation(
        databases.make("frozen"),
        os.environ["BROKER_URL"],
        namespace("frozen"),
        tmp_path_factory.mktemp("frozen"),
        LEASE_SECONDS="3",
        LOST_MESSAGE_SECONDS="2",
    )
    with opened(made):
        made.start()
        for kind, name in OTHERS.items():
            made.start_worker(name, [f"{queue}.{kind}" for queue in QUEUES])
        made.await_online(*OTHERS.values())
        yield made


def await_attempt(installation: Installation, load: StubbornLoad, worker: str, outcome: str, *, after: int = 0) -> None:
    """Waits until an attempt of the load ends so in this worker, recorded after that one."""
    statement = """SELECT 1 FROM tasks_taskattempt JOIN tasks_task ON tasks_task.id = task_id
        WHERE tasks_taskattempt.id > %s AND name = %s AND tasks_taskattempt.worker = %s AND outcome = %s"""
    parameters = [after, load.name, f"{worker}@{installation.namespace}", outcome]
    installation.await_row(statement, parameters, within=WITHIN, what=f"an attempt of {worker} is {outcome}")


def newest_attempt(installation: Installation) -> int:
    return int(installation.value("SELECT coalesce(max(id), 0) FROM tasks_taskattempt"))


def await_refusal(installation: Installation, load: StubbornLoad, worker: str) -> None:
    """Waits until an outcome of this worker came too late for one of the load's tasks."""
    statement = """SELECT 1 FROM tasks_taskevent JOIN tasks_task ON tasks_task.id = tasks_taskevent.task_id
        JOIN tasks_taskattempt ON tasks_taskattempt.task_id = tasks_task.id AND outcome = 'lost'
        WHERE kind = 'refused' AND name = %s AND tasks_taskattempt.worker = %s"""
    parameters = [load.name, f"{worker}@{installation.namespace}"]
    installation.await_row(statement, parameters, within=WITHIN, what=f"an outcome of {worker} is refused")


def test_workers_that_were_frozen_past_their_leases_take_up_work_again_and_repeat_nothing_unseen(
    installation: Installation, ledger: Path
) -> None:
    groups = [installation.processes.running[kind].pid for kind in KINDS]  # each leads the group of its pool processes
    with StubbornLoad(installation, ledger, pause=0.03) as load:
        for kind in KINDS:
            held = "SELECT 1 FROM tasks_task WHERE status = 'processing' AND worker = %s"
            worker = f"{kind}@{installation.namespace}"
            installation.await_row(held, [worker], within=WITHIN, what=f"{kind} holds a task")
            os.killpg(installation.processes.running[kind].pid, signal.SIGSTOP)
        try:
            for kind in KINDS:
                await_attempt(installation, load, kind, "lost")
                await_attempt(installation, load, OTHERS[kind], "completed", after=newest_attempt(installation))
            known = newest_attempt(installation)
        finally:
            for group in groups:
                os.killpg(group, signal.SIGCONT)
        for kind in KINDS:
            await_attempt(installation, load, kind, "completed", after=known)
    assert load.judge(within=WITHIN) == {"completed": len(load.ids)}
    assert [installation.processes.running[kind].pid for kind in KINDS] == groups
    assert all(installation.processes.is_alive(kind) for kind in KINDS)


def test_the_outcome_of_a_process_that_was_frozen_before_it_could_record_it_is_refused(
    installation: Installation, ledger: Path
) -> None:
    points = ArmedPoints(installation.home / "kill-points")
    for kind in KINDS:
        installation.processes.kill(kind)
        # By its own reckoning the process has its lease when it goes on, so that nothing but the row can refuse it.
        installation.processes.variables[kind] = {"LEASE_SECONDS": "60", "KILL_POINTS": str(points.folder / kind)}
    installation.start()
    with StubbornLoad(installation, ledger, pause=0.03) as load:
        for kind in KINDS:
            armed = ArmedPoints(points.folder / kind)
            armed.arm(KillPoint.RECORDING, signal.SIGSTOP)
            pid = armed.await_taken(KillPoint.RECORDING, within=WITHIN)
            try:
                ended = """UPDATE tasks_task SET lease_expires_at = clock_timestamp() - interval '1 second'
                    WHERE status = 'processing' AND worker = %s"""
                installation.rows(ended, [f"{kind}@{installation.namespace}"])
                await_attempt(installation, load, kind, "lost")
                await_attempt(installation, load, OTHERS[kind], "completed")
            finally:
                os.kill(pid, signal.SIGCONT)
            await_refusal(installation, load, kind)
            assert pid in installation.processes.children(kind)
    assert load.judge(within=WITHIN) == {"completed": len(load.ids)}
