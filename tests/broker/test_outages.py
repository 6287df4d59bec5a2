"""A broker that is stopped and one that is killed: the web does not notice, and the rest recovers without help."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.conftest import opened
from tests.broker.installation import Databases, Installation
from tests.broker.processes import wait_until
from tests.servers import OwnRabbitMQ

pytestmark = pytest.mark.broker

RECOVERY = 20  # workers try at least each 2 s; the coordinator dispatches again, on a machine with other things to do
NAMES = ("web", "coordinator", "plain", "async")


@pytest.fixture(scope="module")
def broker() -> Iterator[OwnRabbitMQ]:
    with OwnRabbitMQ() as server:
        yield server


@pytest.fixture(scope="module")
def installation(
    broker: OwnRabbitMQ, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    made = Installation(databases.make("outages"), broker.url, "outages", tmp_path_factory.mktemp("outages"))
    with opened(made):
        made.start()
        yield made


@pytest.fixture
def pids(installation: Installation) -> Iterator[None]:
    """Nobody starts a process anew: those that ran before run afterwards."""
    before = {name: installation.processes.running[name].pid for name in NAMES}
    yield
    assert {name: process.pid for name, process in installation.processes.running.items()} == before
    assert all(installation.processes.is_alive(name) for name in NAMES)


@pytest.mark.usefixtures("pids")
def test_what_is_submitted_while_the_broker_is_stopped_completes_when_it_is_back(
    installation: Installation, broker: OwnRabbitMQ
) -> None:
    broker.stop()
    ids, slowest = [], 0.0
    for number in range(100):
        began = time.monotonic()
        ids.append(installation.submit("sample.noop" if number % 2 else "sample.async_noop"))
        slowest = max(slowest, time.monotonic() - began)
    began = time.monotonic()
    ids += installation.submit_all(
        [{"type": kind, "payload": {}} for kind in ("sample.noop", "sample.async_noop", "sample.echo") * 300]
    )
    slowest = max(slowest, time.monotonic() - began)
    assert slowest < 1.0
    wait_until(lambda: broker_error(installation), within=10, what="the coordinator says that the broker is away")
    assert installation.statuses(ids) == {"pending": 1000}
    broker.start()
    assert installation.await_ended(ids, within=RECOVERY) == {"completed": 1000}
    assert not broker_error(installation)


@pytest.mark.usefixtures("pids")
def test_a_broker_that_is_killed_under_load_loses_and_repeats_nothing(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    noted = {"seconds": 0.005, "ledger": str(ledger)}
    ids = installation.submit_all(
        [{"type": kind, "payload": noted} for kind in ("sample.work", "sample.async_work") * 450]
    )
    wait_until(lambda: installation.statuses(ids).get("completed", 0) > 100, within=20, what="the load runs")
    broker.kill()
    assert installation.statuses(ids).get("completed", 0) < 900
    ids += [installation.submit("sample.work", noted) for _ in range(100)]
    broker.start()
    assert installation.await_ended(ids, within=RECOVERY) == {"completed": 1000}
    ends = [line.split()[1] for line in ledger.read_text().splitlines() if line.startswith("end ")]
    assert sorted(ends) == sorted(ids)
    numbers = "SELECT count(*) FROM tasks_taskattempt WHERE task_id = ANY(%s::uuid[]) AND outcome <> 'completed'"
    assert installation.value(numbers, [ids]) == 0


def broker_error(installation: Installation) -> str:
    return str(installation.value("SELECT broker_error FROM tasks_leadership"))
