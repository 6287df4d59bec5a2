"""A worker that is asked to stop hands back what it cannot finish, soon, and loses nothing."""

import signal
from collections.abc import Iterator

import pytest

from tests.broker.installation import Installation

pytestmark = pytest.mark.broker

QUEUE = "drained"
WORKERS = {"drained-plain": "sample.work", "drained-async": "sample.async_work"}
GONE_WITHIN = 25


@pytest.fixture
def drained(installation: Installation) -> Iterator[Installation]:
    installation.add_queue(QUEUE)
    start(installation)
    yield installation
    for name in WORKERS:
        if installation.processes.is_alive(name):
            installation.processes.kill(name)


def start(installation: Installation) -> None:
    for name in WORKERS:
        installation.start_worker(name, [f"{QUEUE}.{name.rpartition('-')[2]}"], processes=1)
    installation.await_online(*WORKERS)


def test_stopping_workers_hand_back_their_long_tasks_and_nothing_is_lost(drained: Installation) -> None:
    long = [drained.submit(kind, {"seconds": 60}, queue=QUEUE) for kind in WORKERS.values()]
    drained.await_status("processing", long, within=30)
    waiting = drained.submit_all([{"type": kind, "queue": QUEUE, "payload": {}} for kind in WORKERS.values()] * 10)
    drained.processes.signal(signal.SIGTERM, *WORKERS)
    assert drained.processes.await_end(*WORKERS, within=GONE_WITHIN) < GONE_WITHIN
    for task in long:
        assert drained.attempts(task) == [(1, "released", "")]
    assert drained.statuses(long) == {"pending": 2} or drained.statuses(long) == {"pending": 1, "queued": 1}
    stopped = "SELECT count(*) FROM tasks_worker WHERE name = ANY(%s) AND stopped_at IS NOT NULL"
    assert drained.value(stopped, [[f"{name}@{drained.namespace}" for name in WORKERS]]) == 2
    assert set(drained.statuses(waiting)) <= {"pending", "queued", "completed"}

    drained.rows("UPDATE tasks_task SET payload = '{}' WHERE id = ANY(%s::uuid[])", [long])
    start(drained)
    assert drained.await_ended([*long, *waiting], within=20) == {"completed": 22}
    for task in long:
        # What was handed back is no failure and used nothing up.
        assert drained.attempts(task) == [(1, "released", ""), (2, "completed", "")]
    assert drained.value("SELECT sum(uncounted) FROM tasks_task WHERE id = ANY(%s::uuid[])", [long]) == 2
