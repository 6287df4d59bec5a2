"""Two coordinators: one leads, and when it ends the other does, soon enough that nobody has to act."""

import signal
from collections.abc import Iterator

import pytest

from tests.broker.conftest import LEADER_LEASE_SECONDS
from tests.broker.installation import Installation

pytestmark = pytest.mark.broker


@pytest.fixture
def standby(installation: Installation) -> Iterator[Installation]:
    """A second coordinator that asks for the lead and does not get it. In the end it is the only one."""
    leader = installation.await_leader()
    known = installation.value("SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database()")
    installation.start_coordinator("standby")
    asks = """SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
        AND query LIKE 'INSERT INTO tasks_leadership%%' AND NOT pid = ANY(%s)"""
    installation.await_row(asks, [known], within=20, what="the other one asks for the lead")
    assert installation.await_leader() == leader
    yield installation
    installation.processes.running["coordinator"] = installation.processes.running.pop("standby")


def await_takeover(installation: Installation, term: int, *, within: float) -> None:
    """Waits until the standby leads in the next term."""
    statement = "SELECT holder FROM tasks_leadership WHERE term = %s"
    (holder,) = installation.await_row(statement, [term + 1], within=within, what="a new leader")
    assert f":{installation.processes.running['standby'].pid}:" in holder


def test_a_leader_that_is_stopped_hands_over_before_its_lease_ends(standby: Installation) -> None:
    _, term = standby.await_leader()
    standby.processes.signal(signal.SIGTERM, "coordinator")
    standby.processes.await_end("coordinator", within=10)
    await_takeover(standby, term, within=LEADER_LEASE_SECONDS / 2)
    assert standby.await_ended([standby.submit("sample.noop")], within=10) == {"completed": 1}


def test_when_the_leader_is_killed_the_other_leads_and_work_goes_on(standby: Installation) -> None:
    _, term = standby.await_leader()
    standby.processes.kill("coordinator")
    tasks = standby.submit_all([{"type": "sample.noop", "payload": {}}] * 50)
    await_takeover(standby, term, within=LEADER_LEASE_SECONDS + 3)
    assert standby.await_ended(tasks, within=20) == {"completed": 50}
