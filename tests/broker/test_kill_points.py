"""Processes that die at the worst moments, one after the other under load: on both sides of each commit.

Those of the dispatcher are in test_dying_dispatchers.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.kill_points import KillPoint
from tests.broker.armed_points import ArmedPoints
from tests.broker.conftest import namespace, opened
from tests.broker.installation import Databases, Installation
from tests.broker.stubborn_load import StubbornLoad
from tests.broker.test_dying_dispatchers import DISPATCHER

pytestmark = pytest.mark.broker

WEB = (KillPoint.STORED, KillPoint.STORING)
REAPER = (KillPoint.REAPING, KillPoint.REAPED)
BULK = (KillPoint.ACTING, KillPoint.ACTED)  # in test_bulk_actions
WORKER = tuple(point for point in KillPoint if point not in (*WEB, *DISPATCHER, *REAPER, *BULK))
KINDS = ("plain", "async")
WITHIN = 60  # leases, the lead's and Celery's new processes, on a machine with other things to do


@pytest.fixture(scope="module")
def started(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(
        databases.make("kill_points"),
        os.environ["BROKER_URL"],
        namespace("kill_points"),
        tmp_path_factory.mktemp("kill-points"),
        LEASE_SECONDS="3",
        LEADER_LEASE_SECONDS="2",
        LOST_MESSAGE_SECONDS="2",
    )
    with opened(made):
        yield made


@pytest.fixture(scope="module")
def points(started: Installation) -> dict[str, ArmedPoints]:
    """The kill points of each process."""
    found = {name: ArmedPoints(started.home / "kill-points" / name) for name in ("web", "coordinator", *KINDS)}
    started.processes.variables = {name: {"KILL_POINTS": str(armed.folder)} for name, armed in found.items()}
    return found


@pytest.fixture
def installation(started: Installation, points: dict[str, ArmedPoints]) -> Installation:
    started.start()
    return started


def judge(load: StubbornLoad) -> None:
    assert load.judge(within=WITHIN) == {"completed": len(load.ids)}


@pytest.mark.parametrize("point", WEB)
def test_a_web_process_that_dies_at_a_submission_stores_it_once(
    installation: Installation, points: dict[str, ArmedPoints], ledger: Path, point: KillPoint
) -> None:
    with StubbornLoad(installation, ledger) as load:
        points["web"].arm(point)
        points["web"].await_taken(point, within=WITHIN)
        installation.processes.await_end("web", within=30)
        installation.start()
        load.await_more(20, within=WITHIN)
    assert load.repeated
    judge(load)


@pytest.mark.parametrize("point", WORKER)
def test_pool_processes_that_die_between_claim_and_record_lose_and_repeat_nothing_unseen(
    installation: Installation, points: dict[str, ArmedPoints], ledger: Path, point: KillPoint
) -> None:
    with StubbornLoad(installation, ledger) as load:
        for kind in KINDS:
            points[kind].arm(point)
        for kind in KINDS:
            points[kind].await_taken(point, within=WITHIN)
        load.await_completed(40, within=WITHIN)
    judge(load)
    lost = "SELECT count(*) FROM tasks_taskattempt WHERE task_id = ANY(%s::uuid[]) AND outcome = 'lost'"
    assert point is KillPoint.RECORDED or installation.value(lost, [load.ids]) >= len(KINDS)


@pytest.mark.parametrize("point", REAPER)
def test_a_coordinator_that_dies_as_it_reaps_counts_each_loss_once(
    installation: Installation, points: dict[str, ArmedPoints], ledger: Path, point: KillPoint
) -> None:
    with StubbornLoad(installation, ledger) as load:
        points["coordinator"].arm(point)
        points["plain"].arm(KillPoint.CLAIMED)
        points["plain"].await_taken(KillPoint.CLAIMED, within=WITHIN)
        points["coordinator"].await_taken(point, within=WITHIN)
        installation.processes.await_end("coordinator", within=30)
        installation.start()
        load.await_completed(40, within=WITHIN)
    judge(load)
    uncounted = """SELECT count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) AND uncounted <>
        (SELECT count(*) FROM tasks_taskattempt WHERE task_id = tasks_task.id AND outcome IN ('lost', 'released'))"""
    assert installation.value(uncounted, [load.ids]) == 0
