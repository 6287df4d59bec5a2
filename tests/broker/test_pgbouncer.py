"""A PgBouncer in transaction mode between the processes and PostgreSQL."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.broker.conftest import namespace, opened
from tests.broker.installation import Databases, Installation
from tests.broker.nursery import ROOT
from tests.broker.processes import wait_until
from tests.servers import OwnPgBouncer

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]

PATIENCE = 90  # seconds, for a machine that is busy with something else
LISTENS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%%'"


@pytest.fixture(scope="module")
def pgbouncer(databases: Databases) -> Iterator[OwnPgBouncer]:
    with OwnPgBouncer(databases.make("pgbouncer_itself")) as server:
        yield server


@pytest.fixture(params=["with an address to listen on", "without"])
def installation(
    request: pytest.FixtureRequest, databases: Databases, pgbouncer: OwnPgBouncer, tmp_path: Path
) -> Iterator[Installation]:
    direct = databases.make("pgbouncer")
    variables = {"DATABASE_URL": pgbouncer.url_of(direct), "DATABASE_BEHIND_PGBOUNCER": "true"}
    if request.param != "without":
        variables["LISTEN_DATABASE_URL"] = direct
    made = Installation(direct, os.environ["BROKER_URL"], namespace("pgbouncer"), tmp_path, **variables)
    with opened(made):
        made.start()
        yield made


def test_tasks_complete_through_it(installation: Installation, pgbouncer: OwnPgBouncer) -> None:
    types = ("sample.noop", "sample.async_noop", "sample.echo", "sample.progress") * 50
    ids = installation.submit_all([{"type": each, "payload": {}} for each in types])
    assert installation.await_ended(ids, within=PATIENCE) == {"completed": 200}
    name = urlsplit(installation.database_url).path.removeprefix("/")
    assert pgbouncer.clients_of(name) > 4  # more than it has to the server, so they share those
    if "LISTEN_DATABASE_URL" in installation.processes.environment:
        wait_until(lambda: installation.rows(LISTENS), within=PATIENCE, what="the coordinator listens")
    else:
        assert not installation.rows(LISTENS)
    assert "Traceback" not in installation.processes.logs(lines=10_000)


def test_a_process_that_is_not_told_of_it_is_refused_in_one_line(
    installation: Installation,
) -> None:
    done = subprocess.run(
        [str(ROOT / ".venv" / "bin" / "python"), "manage.py", "migrate", "--check"],
        env=installation.processes.environment | {"DATABASE_BEHIND_PGBOUNCER": "false"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1
    assert "unsupported startup parameter" in done.stderr
    assert done.stderr.count("\n") == 1
