"""Ten thousand tasks in one bulk action, whose coordinator is killed on both sides of a batch's commit."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.kill_points import KillPoint
from tests.broker.armed_points import ArmedPoints
from tests.broker.conftest import namespace, opened
from tests.broker.installation import Databases, Installation

pytestmark = pytest.mark.broker

COUNT = 10_000
WITHIN = 60  # the lead, and a machine with other things to do


@pytest.fixture
def own(databases: Databases, tmp_path: Path) -> Iterator[Installation]:
    """An installation of a web process alone: what waits for tomorrow needs no worker."""
    made = Installation(
        databases.make("bulk"), os.environ["BROKER_URL"], namespace("bulk"), tmp_path / "installation",
        LEADER_LEASE_SECONDS="2",
    )  # fmt: skip
    with opened(made):
        made.start_web()
        made.log_in()
        yield made


def test_each_of_ten_thousand_is_touched_once_whenever_the_coordinator_dies(own: Installation) -> None:
    points = ArmedPoints(own.home / "kill-points")
    own.submit_all([{"type": "sample.noop", "payload": {}, "delay": 86_400}] * COUNT)
    action = own.start_bulk_action("cancel", expected_count=COUNT, selection={"q": "status:scheduled"})
    late = own.submit("sample.noop", delay=86_400.0)
    for point in (KillPoint.ACTING, KillPoint.ACTED, KillPoint.ACTING):
        points.arm(point)
        own.start_coordinator(KILL_POINTS=str(points.folder))
        points.await_taken(point, within=WITHIN)
        own.processes.await_end("coordinator", within=30)
        cursor, done = own.rows("SELECT cursor, done FROM tasks_bulkaction")[0]
        assert cursor == done == own.value("SELECT count(*) FROM tasks_task WHERE status = 'cancelled'")
        assert done < COUNT
    own.start_coordinator()
    own.await_row(
        "SELECT 1 FROM tasks_bulkaction WHERE id = %s AND status = 'completed' AND done = %s",
        [action, COUNT],
        within=WITHIN,
        what="the bulk action is completed",
    )
    assert own.rows("SELECT status, count(*) FROM tasks_task GROUP BY status ORDER BY status") == [
        ("cancelled", COUNT),
        ("scheduled", 1),
    ]
    assert own.statuses([late]) == {"scheduled": 1}  # it came after the start
    assert own.value("SELECT count(*) FROM tasks_taskevent") == COUNT
    assert own.value("SELECT count(DISTINCT task_id) FROM tasks_taskevent") == COUNT
    assert own.rows("SELECT state, count(*) FROM tasks_bulkactionitem GROUP BY state") == [("done", COUNT)]
