"""Two coordinators: one leads, and when it dies the other does, soon enough that nobody has to act."""

import pytest

from tests.broker.conftest import LEADER_LEASE_SECONDS
from tests.broker.installation import Installation

pytestmark = pytest.mark.broker


def test_when_the_leader_is_killed_the_other_leads_and_work_goes_on(installation: Installation) -> None:
    first, term = installation.await_leader()
    known = installation.value("SELECT array_agg(pid) FROM pg_stat_activity WHERE datname = current_database()")
    installation.start_coordinator("standby")
    pids = {name: installation.processes.running[name].pid for name in ("coordinator", "standby")}
    assert f":{pids['coordinator']}:" in first
    asks = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'INSERT INTO tasks_leadership%%' AND datname = current_database() AND NOT pid = ANY(%s)"
    installation.await_row(asks, [known], within=20, what="the other one asks for the lead")
    assert installation.await_leader() == (first, term)

    installation.processes.kill("coordinator")
    tasks = installation.submit_all([{"type": "sample.noop", "payload": {}}] * 50)
    statement = "SELECT holder FROM tasks_leadership WHERE term = %s"
    (second,) = installation.await_row(statement, [term + 1], within=LEADER_LEASE_SECONDS + 3, what="a new leader")
    assert f":{pids['standby']}:" in second
    assert installation.await_ended(tasks, within=20) == {"completed": 50}
    installation.processes.running["coordinator"] = installation.processes.running.pop("standby")
