"""PostgreSQL that restarts, loses its connections, is away for long or has no room: nothing is lost or done twice."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.conftest import namespace, opened
from tests.broker.installation import Databases, Installation
from tests.broker.stubborn_load import StubbornLoad
from tests.servers import OwnPostgres

pytestmark = pytest.mark.broker

LEASE = 3
GONE_SECONDS = 20  # longer than any lease
RECOVERY = 60
NAMES = ("web", "coordinator", "plain", "async")


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with OwnPostgres() as own:
        yield own


@pytest.fixture(scope="module")
def started(server: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    databases = Databases(server.url, tmp_path_factory.mktemp("template"))
    made = Installation(
        databases.make("outage"),
        os.environ["BROKER_URL"],
        namespace("database_outages"),
        tmp_path_factory.mktemp("database-outages"),
        LEASE_SECONDS=str(LEASE),
        LEADER_LEASE_SECONDS="2",
        LOST_MESSAGE_SECONDS="2",
    )
    databases.close()
    with opened(made):
        yield made


@pytest.fixture
def installation(started: Installation) -> Iterator[Installation]:
    """Nobody starts a process anew: the main processes that ran before run afterwards."""
    started.start()
    before = {name: started.processes.running[name].pid for name in NAMES}
    yield started
    assert all(started.processes.is_alive(name) for name in NAMES)
    assert {name: started.processes.running[name].pid for name in NAMES} == before


def judge(load: StubbornLoad) -> None:
    assert load.judge(within=RECOVERY) == {"completed": len(load.ids)}


def test_an_immediate_restart_under_load_is_survived_by_every_process(
    installation: Installation, server: OwnPostgres, ledger: Path
) -> None:
    with StubbornLoad(installation, ledger, pause=0.03) as load:
        server.restart_immediately()
        installation.reconnect()
        load.await_completed(60, within=RECOVERY)
    judge(load)


def test_connections_that_are_cut_again_and_again_in_mid_chunk_cost_nothing(
    installation: Installation, ledger: Path
) -> None:
    with StubbornLoad(installation, ledger, pause=0.03) as load:
        for _ in range(15):
            busy = installation.rows(
                """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()"""
            )
            assert busy
            load.await_completed(5, within=RECOVERY)
    judge(load)


def test_a_database_that_is_gone_for_longer_than_every_lease_comes_back_to_sound_rows(
    installation: Installation, server: OwnPostgres, ledger: Path
) -> None:
    with StubbornLoad(installation, ledger, pause=0.03) as load:
        server.stop()
        time.sleep(GONE_SECONDS)  # the outage itself
        for process in ("worker", "coordinator"):
            installation.processes.run("python", "-m", "deploy.healthy", process, "--older-than", str(GONE_SECONDS / 2))
        # In time for a client's own limit, and in the API's own words.
        assert installation.send({"type": "sample.noop"}).status_code == 503
        server.start()
        installation.reconnect()
        load.await_more(1, within=20)
        load.await_completed(60, within=RECOVERY)
    judge(load)
