"""Workers whose clocks are three hours wrong: every time that matters is the database's."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.conftest import cannot_run, namespace, opened
from tests.broker.installation import QUEUES, Databases, Installation
from tests.broker.stubborn_load import StubbornLoad
from tests.servers import debian

pytestmark = pytest.mark.broker

HOURS = {"ahead": 3, "behind": -3}
WITHIN = 60

# Python sleeps until a moment of the monotonic clock, and the library shifts that as if it were of the wrong one.
_SLEEP = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds)\n"


@pytest.fixture(scope="module")
def faketime() -> str:
    """The library of Debian's package faketime, which is installed where it is missing and we may."""
    pattern = "/usr/lib/*/faketime/libfaketimeMT.so.1"  # the one for programs with threads
    if not glob.glob(pattern):
        debian.install("faketime")
    found = glob.glob(pattern)
    if not found:
        cannot_run("there is no faketime (Debian's package of this name has it)")
    return found[0]


@pytest.fixture(scope="module")
def installation(
    databases: Databases, faketime: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """No worker's clock is right: one of each kind is ahead and one behind."""
    made = Installation(
        databases.make("clocks"),
        os.environ["BROKER_URL"],
        namespace("clocks"),
        tmp_path_factory.mktemp("clocks"),
        LOST_MESSAGE_SECONDS="2",
    )
    (made.home / "sitecustomize.py").write_text(_SLEEP)
    with opened(made):
        made.start_web()
        made.start_coordinator()
        for name, hours in HOURS.items():
            made.add_queue(name)
            # The monotonic clock stays right, as it does when somebody sets a machine's time.
            wrong = {
                "LD_PRELOAD": faketime,
                "FAKETIME": f"{hours:+d}h",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # of older C libraries
                "PYTHONPATH": str(made.home),
            }
            for kind in ("plain", "async"):
                made.processes.variables[f"{kind}-{name}"] = wrong
                made.start_worker(f"{kind}-{name}", [f"{queue}.{kind}" for queue in (*QUEUES, name)])
        made.await_online(*(f"{kind}-{name}" for kind in ("plain", "async") for name in HOURS))
        made.log_in()
        made.await_leader()
        yield made


def test_work_is_claimed_retried_delayed_and_recorded_by_the_databases_clock(
    installation: Installation, ledger: Path
) -> None:
    began = installation.value("SELECT clock_timestamp()")
    clocks = {name: installation.submit("sample.clock", queue=name) for name in HOURS}
    with StubbornLoad(installation, ledger, pause=0.03) as load:
        # Delays, retries and leases that are renewed: whatever a wrong clock would turn into at once or never.
        late = [
            installation.submit(kind, {"seconds": 1.5, "fail_until": 1, "retry_after": 1.0}, queue=name, delay=1.0)
            for name in HOURS
            for kind in ("sample.work", "sample.async_work")
        ]
        assert installation.await_ended(late, within=WITHIN) == {"completed": 4}
        load.await_completed(60, within=WITHIN)
    assert load.judge(within=WITHIN) == {"completed": len(load.ids)}
    for each in late:
        assert [outcome for _, outcome, _ in installation.attempts(each)] == ["failed", "completed"]
    for name, hours in HOURS.items():
        installation.await_ended([clocks[name]], within=WITHIN)
        statement = """SELECT result::text::float8 - extract(epoch FROM finished_at)::float8 FROM tasks_taskattempt
            WHERE task_id = %s"""
        assert abs(installation.value(statement, [clocks[name]]) - hours * 3600) < 120, "its clock was to be wrong"

    ids = [*load.ids, *late]
    assert installation.rows(
        "SELECT count(*) FROM tasks_taskattempt WHERE task_id = ANY(%s::uuid[]) AND outcome IN ('lost', 'released')",
        [ids],
    ) == [(0,)]
    wrong = """SELECT count(*) FROM tasks_taskattempt a JOIN tasks_task t ON t.id = a.task_id
        WHERE t.id = ANY(%s::uuid[]) AND NOT (%s <= t.created_at AND t.created_at <= a.started_at
        AND a.started_at <= a.finished_at AND a.finished_at <= clock_timestamp())"""
    assert installation.value(wrong, [ids, began]) == 0
    early = """SELECT min(extract(epoch FROM a.started_at - t.created_at)) FROM tasks_taskattempt a
        JOIN tasks_task t ON t.id = a.task_id WHERE t.id = ANY(%s::uuid[]) AND a.number = 1"""
    assert installation.value(early, [late]) >= 1.0
    beats = "SELECT max(abs(extract(epoch FROM clock_timestamp() - heartbeat_at))) FROM tasks_worker"
    assert installation.value(beats) < 60
