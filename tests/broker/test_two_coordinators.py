"""Two coordinators: one leads, and when it ends the other does, soon enough that nobody has to act."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.kill_points import KillPoint
from tests.broker.armed_points import ArmedPoints
from tests.broker.conftest import LEADER_LEASE_SECONDS
from tests.broker.installation import Installation
from tests.broker.processes import wait_until
from tests.broker.stubborn_load import StubbornLoad

pytestmark = pytest.mark.broker


@pytest.fixture
def standby(installation: Installation) -> Iterator[Installation]:
    """A second coordinator that asks for the lead and does not get it. In the end it is the only one."""
    stand_by(installation)
    yield installation
    installation.processes.running["coordinator"] = installation.processes.running.pop("standby")


def stand_by(installation: Installation) -> None:
    leader = installation.await_leader()
    known = installation.value("SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database()")
    installation.start_coordinator("standby")
    asks = """SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
        AND query LIKE 'INSERT INTO tasks_leadership%%' AND NOT pid = ANY(%s)"""
    installation.await_row(asks, [known], within=20, what="the other one asks for the lead")
    assert installation.await_leader() == leader


def await_takeover(installation: Installation, term: int, *, within: float) -> None:
    """Waits until the standby leads in the next term."""
    statement = "SELECT holder FROM tasks_leadership WHERE term = %s"
    (holder,) = installation.await_row(statement, [term + 1], within=within, what="a new leader")
    assert f":{installation.processes.running['standby'].pid}:" in holder


def test_a_leader_that_is_stopped_hands_over_before_its_lease_ends(standby: Installation) -> None:
    _, term = standby.await_leader()
    standby.processes.signal(signal.SIGTERM, "coordinator")
    standby.processes.await_end("coordinator", within=20)
    await_takeover(standby, term, within=LEADER_LEASE_SECONDS / 2)
    assert standby.await_ended([standby.submit("sample.noop")], within=30) == {"completed": 1}


def test_when_the_leader_is_killed_the_other_leads_and_work_goes_on(standby: Installation) -> None:
    _, term = standby.await_leader()
    standby.processes.kill("coordinator")
    tasks = standby.submit_all([{"type": "sample.noop", "payload": {}}] * 50)
    await_takeover(standby, term, within=LEADER_LEASE_SECONDS + 3)
    assert standby.await_ended(tasks, within=20) == {"completed": 50}


def test_a_killed_leader_under_load_costs_nothing(standby: Installation, ledger: Path) -> None:
    with StubbornLoad(standby, ledger) as load:
        _, term = standby.await_leader()
        standby.processes.kill("coordinator")
        await_takeover(standby, term, within=LEADER_LEASE_SECONDS + 10)
        load.await_completed(30, within=20)
    assert load.judge(within=30) == {"completed": len(load.ids)}


@pytest.mark.parametrize("point", [KillPoint.MARKED, KillPoint.CONFIRMED])
def test_a_leader_that_was_frozen_past_its_lease_in_mid_dispatch_does_no_harm_when_it_goes_on(
    installation: Installation, ledger: Path, point: KillPoint
) -> None:
    points = ArmedPoints(installation.home / "kill-points")
    installation.processes.kill("coordinator")
    installation.start_coordinator(KILL_POINTS=str(points.folder))
    pid = installation.processes.running["coordinator"].pid
    leads = "SELECT term FROM tasks_leadership WHERE holder LIKE %s AND expires_at > clock_timestamp()"
    what = "the new coordinator leads"
    (term,) = installation.await_row(leads, [f"%:{pid}:%"], within=LEADER_LEASE_SECONDS + 20, what=what)
    stand_by(installation)
    with StubbornLoad(installation, ledger) as load:
        points.arm(point, signal.SIGSTOP)
        assert points.await_taken(point, within=20) == pid
        try:
            await_takeover(installation, term, within=LEADER_LEASE_SECONDS + 10)
            load.await_completed(30, within=20)
        finally:
            os.kill(pid, signal.SIGCONT)
        log = installation.home / "log" / "coordinator.log"
        lost = f"lost the lead of term {term}"
        wait_until(lambda: lost in log.read_text(), within=20, what="the old leader knows that it leads no more")
        load.await_completed(30, within=20)
    assert load.judge(within=30) == {"completed": len(load.ids)}
    assert installation.await_leader()[1] == term + 1
    assert installation.processes.is_alive("coordinator")
    installation.processes.kill("coordinator")
    installation.processes.running["coordinator"] = installation.processes.running.pop("standby")
