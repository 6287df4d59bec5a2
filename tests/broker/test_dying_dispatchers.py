"""Coordinators that die in mid-dispatch, under load: on both sides of a commit, a publish and a confirm."""

from pathlib import Path

import pytest

from tasks.kill_points import KillPoint
from tests.broker.armed_points import ArmedPoints
from tests.broker.installation import Installation
from tests.broker.stubborn_load import StubbornLoad

pytestmark = pytest.mark.broker

DISPATCHER = (KillPoint.MARKED, KillPoint.SENT, KillPoint.CONFIRMED)
WITHIN = 60  # the lead, lost messages, and a machine with other things to do


@pytest.mark.parametrize("point", DISPATCHER)
def test_a_coordinator_that_dies_between_commit_publish_and_confirm_loses_nothing(
    installation: Installation, ledger: Path, point: KillPoint
) -> None:
    points = ArmedPoints(installation.home / "dispatchers-points")
    installation.processes.kill("coordinator")
    installation.start_coordinator(KILL_POINTS=str(points.folder))
    with StubbornLoad(installation, ledger) as load:
        points.arm(point)
        points.await_taken(point, within=WITHIN)
        installation.processes.await_end("coordinator", within=30)
        installation.start()
        load.await_completed(40, within=WITHIN)
    assert load.judge(within=WITHIN) == {"completed": len(load.ids)}
