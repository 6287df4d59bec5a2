"""PostgreSQL without room on its disk: nothing is half done, and work goes on when there is room again."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.broker.conftest import namespace, opened
from tests.broker.installation import Databases, Installation
from tests.broker.processes import wait_until
from tests.broker.stubborn_load import StubbornLoad
from tests.servers import OwnPostgres

pytestmark = pytest.mark.broker

SIZE = 256 * 1024 * 1024
WITHIN = 60


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    """A small file system in memory."""
    folder = Path(tempfile.mkdtemp(prefix="taskyard-disk-", dir="/tmp"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=755", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@pytest.fixture(scope="module")
def server(disk: Path) -> Iterator[OwnPostgres]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(disk))
        own = OwnPostgres()
    with own:
        yield own


@pytest.fixture(scope="module")
def installation(server: OwnPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    databases = Databases(server.url, tmp_path_factory.mktemp("template"))
    made = Installation(
        databases.make("full"),
        os.environ["BROKER_URL"],
        namespace("full"),
        tmp_path_factory.mktemp("full"),
        LEASE_SECONDS="3",
        LEADER_LEASE_SECONDS="2",
        LOST_MESSAGE_SECONDS="2",
    )
    databases.close()
    with opened(made):
        made.start()
        yield made


def fill(path: Path) -> None:
    """Writes a file until nothing more goes in."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(64 * 1024))


def test_a_disk_that_is_full_refuses_submissions_and_leaves_nothing_half_done(
    installation: Installation, server: OwnPostgres, disk: Path, ledger: Path
) -> None:
    assert server.folder.is_relative_to(disk)
    ballast = disk / "ballast"
    large = [{"type": "sample.noop", "payload": {"text": os.urandom(60_000).hex()}, "name": "large"} for _ in range(20)]
    with StubbornLoad(installation, ledger) as load:
        fill(ballast)
        stored = 0

        def is_refused() -> bool:
            nonlocal stored
            answer = installation.send(large)
            stored += len(large) * (answer.status_code == 201)
            assert answer.status_code in (201, 503), answer.text
            return answer.status_code == 503

        wait_until(is_refused, within=WITHIN, what="a list is refused")
        ballast.unlink()
        if not server.is_running():
            server.start()  # without room for its log it ends, as it should
        server.wait_ready()
        installation.reconnect()
        load.await_completed(30, within=WITHIN)
    assert load.judge(within=WITHIN) == {"completed": len(load.ids)}
    assert installation.value("SELECT count(*) FROM tasks_task WHERE name = 'large'") == stored
