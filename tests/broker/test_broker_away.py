"""A broker that dies again and again, or is away for a minute, while work comes in on both kinds of lines."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.conftest import opened
from tests.broker.installation import Databases, Installation
from tests.broker.load import Load, lasting
from tests.broker.processes import wait_until
from tests.servers import OwnRabbitMQ

pytestmark = pytest.mark.broker

ROUNDS = 3
AWAY = 60.0  # seconds
RECOVERY = 60  # Celery waits 2, 4, 6 … 30 s between its attempts to connect
SLOWEST = 2.0  # seconds for a request: it makes no difference to the web whether the broker is there


@pytest.fixture(scope="module")
def broker() -> Iterator[OwnRabbitMQ]:
    with OwnRabbitMQ() as server:
        yield server


@pytest.fixture(scope="module")
def installation(
    broker: OwnRabbitMQ, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    made = Installation(
        databases.make("away"), broker.url, "away", tmp_path_factory.mktemp("away"), LOST_MESSAGE_SECONDS="2"
    )
    with opened(made):
        made.start()
        yield made


def test_a_broker_that_is_killed_three_times_under_load_loses_and_repeats_nothing(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    with lasting(installation):
        with Load(installation, ledger) as load:
            for _ in range(ROUNDS):
                broker.kill()
                load.await_submitted(60)
                broker.start()
                load.await_completed(60, within=RECOVERY)
        load.assert_all_completed(within=RECOVERY)
        assert load.slowest < SLOWEST
        assert attempts_per_task(installation, load.ids) == 1


@pytest.mark.timeout(240)
def test_a_broker_that_is_stopped_for_a_minute_under_load_is_no_more_than_a_delay(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    with lasting(installation):
        with Load(installation, ledger, pause=0.1) as load:
            broker.stop()
            until = time.monotonic() + AWAY
            wait_until(lambda: broker_error(installation), within=10, what="the coordinator says that it is away")
            while time.monotonic() < until:
                load.await_submitted(30)
                assert broker_error(installation)
                for path in ("/api/health/ready/", "/api/tasks/stats/", f"/api/tasks/{load.ids[-1]}/"):
                    assert installation.seconds_of(path) < SLOWEST
            broker.start()
            load.await_completed(60, within=RECOVERY)
        load.assert_all_completed(within=RECOVERY)
        assert load.slowest < SLOWEST
        assert attempts_per_task(installation, load.ids) == 1
    assert not broker_error(installation)


def attempts_per_task(installation: Installation, ids: list[str]) -> int:
    """Returns the largest number of attempts that one of these has: the broker's death is no reason for a second."""
    return int(installation.value("SELECT max(attempt) FROM tasks_task WHERE id = ANY(%s::uuid[])", [ids]))


def broker_error(installation: Installation) -> str:
    return str(installation.value("SELECT broker_error FROM tasks_leadership"))
