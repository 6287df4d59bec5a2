"""Processes that die in mid-task: their tasks come back under a new attempt, and what kills them is found out."""

import os
import signal
from pathlib import Path

import pytest

from tests.broker.installation import Installation
from tests.broker.processes import wait_until
from tests.broker.stubborn_load import StubbornLoad
from tests.broker.verdict import assert_sound

pytestmark = pytest.mark.broker

LEASE = 3
MAX_LOSSES = 2  # of the shared installation
AGAIN_WITHIN = 60  # the lease, the reaper, Celery's new process (up to 5 s), and a machine with other things to do


@pytest.fixture
def worker(installation: Installation) -> str:
    """A worker of two processes with short leases, on a queue of its own, which is called like the worker."""
    name = "mortal"
    if not installation.processes.is_alive(name):
        start(installation, name)
    return name


def start(installation: Installation, name: str) -> None:
    installation.add_queue(name)
    installation.start_worker(name, [f"{name}.plain"], LEASE_SECONDS=str(LEASE))
    installation.await_online(name)


def await_started(ledger: Path, task_id: str) -> int:
    """Waits until the handler has begun and returns the process that runs it."""

    def pid() -> int:
        lines = [line.split() for line in ledger.read_text().splitlines()]
        return next((int(words[3]) for words in lines if words[:2] == ["start", task_id]), 0)

    return wait_until(pid, within=30, what=f"{task_id} runs")


def test_a_killed_pool_process_loses_its_attempt_and_the_task_runs_again(
    installation: Installation, worker: str, ledger: Path
) -> None:
    task = installation.submit("sample.work", {"seconds": 2, "ledger": str(ledger)}, queue=worker, max_attempts=1)
    os.kill(await_started(ledger, task), signal.SIGKILL)
    assert installation.await_ended([task], within=AGAIN_WITHIN) == {"completed": 1}
    # The loss did not use up the only attempt that it may fail in.
    assert installation.attempts(task) == [(1, "lost", "worker_lost"), (2, "completed", "")]
    facts = installation.rows("SELECT suspect, losses, uncounted, attempt FROM tasks_task WHERE id = %s", [task])
    assert facts == [(True, 0, 1, 2)]
    assert [line.split()[0] for line in ledger.read_text().splitlines()] == ["start", "start", "end"]


def test_a_pool_process_that_is_told_to_end_hands_its_task_back(
    installation: Installation, worker: str, ledger: Path
) -> None:
    task = installation.submit("sample.work", {"seconds": 3, "ledger": str(ledger)}, queue=worker, max_attempts=1)
    os.kill(await_started(ledger, task), signal.SIGTERM)
    assert installation.await_ended([task], within=AGAIN_WITHIN) == {"completed": 1}
    # Neither a failure of the handler's nor a loss: nothing is held against the task.
    assert installation.attempts(task) == [(1, "released", ""), (2, "completed", "")]
    facts = installation.rows("SELECT suspect, losses, uncounted FROM tasks_task WHERE id = %s", [task])
    assert facts == [(False, 0, 1)]


def test_a_killed_worker_loses_its_attempts_and_another_takes_over(
    installation: Installation, worker: str, ledger: Path
) -> None:
    slow = {"seconds": 2, "ledger": str(ledger)}
    running = installation.submit_all([{"type": "sample.work", "payload": slow, "queue": worker}] * 2)
    for task in running:
        await_started(ledger, task)
    waiting = installation.submit_all([{"type": "sample.noop", "payload": {}, "queue": worker}] * 30)
    installation.processes.kill(worker)
    start(installation, worker)
    assert installation.await_ended([*running, *waiting], within=AGAIN_WITHIN) == {"completed": 32}
    for task in running:
        assert installation.attempts(task) == [(1, "lost", "worker_lost"), (2, "completed", "")]
    assert sorted(line.split()[1] for line in ledger.read_text().splitlines() if "end" in line) == sorted(running)


def test_a_task_that_kills_its_process_is_found_out_and_the_others_complete(
    installation: Installation, worker: str
) -> None:
    good = installation.submit_all([{"type": "sample.noop", "payload": {}, "queue": worker}] * 40)
    bad = installation.submit("sample.harm", {"how": "kill"}, queue=worker, priority=9)
    good += installation.submit_all([{"type": "sample.noop", "payload": {}, "queue": worker}] * 40)
    assert installation.await_ended([bad], within=60) == {"failed": 1}
    assert installation.await_ended(good, within=30) == {"completed": 80}
    # The first loss makes a suspect of it; only those while it ran alone are charged.
    lost = [(number, "lost", "worker_lost") for number in range(1, MAX_LOSSES + 1)]
    assert installation.attempts(bad) == [*lost, (MAX_LOSSES + 1, "lost", "worker_killer")]
    letter = "SELECT category, attempts, error_class FROM tasks_deadletter WHERE task_id = %s"
    assert installation.rows(letter, [bad]) == [("worker_killer", MAX_LOSSES + 1, "WorkerLost")]
    charged = "SELECT count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) AND losses > 0"
    assert installation.value(charged, [good]) == 0


def test_pool_processes_and_workers_killed_under_load_lose_nothing_and_repeat_nothing_unseen(
    installation: Installation, ledger: Path
) -> None:
    names = {kind: f"killed-{kind}" for kind in ("plain", "async")}
    installation.add_queue("killed")

    def start_all() -> None:
        for kind, name in names.items():
            installation.start_worker(name, [f"killed.{kind}"], LEASE_SECONDS=str(LEASE))
        installation.await_online(*names.values())

    held: list[str] = []

    def hold(kind: str) -> int:
        """Submits a task that runs for longer than it takes to kill its process, and returns that one's pid."""
        payload = {"seconds": LEASE, "ledger": str(ledger)}
        type_name = "sample.work" if kind == "plain" else "sample.async_work"
        held.append(installation.submit(type_name, payload, queue="killed", priority=9))
        return await_started(ledger, held[-1])

    start_all()
    with StubbornLoad(installation, ledger, queue="killed", pause=0.03) as load:
        for kind in names:
            os.kill(hold(kind), signal.SIGKILL)
        load.await_completed(40, within=AGAIN_WITHIN)
        for kind, name in names.items():
            hold(kind)
            installation.processes.kill(name)
        start_all()
        load.await_completed(40, within=AGAIN_WITHIN)
    assert load.judge(within=60) == {"completed": len(load.ids)}
    installation.await_ended(held, within=60)
    assert assert_sound(installation, held, ledger) == {"completed": len(held)}
    lost = """SELECT count(DISTINCT task_id) FROM tasks_taskattempt
        WHERE task_id = ANY(%s::uuid[]) AND outcome = 'lost'"""
    assert installation.value(lost, [held]) == len(held) == 4
    for name in names.values():
        installation.processes.kill(name)
