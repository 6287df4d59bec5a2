"""What a worker's main process must not have when its pool forks: a thread, or a connection to the database."""

import uuid
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import kombu
import pytest

from tests.broker.installation import Installation
from tests.broker.processes import wait_until

pytestmark = pytest.mark.broker


def connections_to(port: int, pid: int) -> int:
    """Returns how many TCP connections to the port the process has open."""
    inodes = {
        link.removeprefix("socket:[").removesuffix("]")
        for link in (str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink())
        if link.startswith("socket:[")
    }
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()
    ]
    return sum(words[9] in inodes and words[2].endswith(f":{port:04X}") for words in lines if len(words) > 9)


def has_let_go(port: int, pid: int) -> bool:
    return connections_to(port, pid) == 0


def test_only_pool_processes_have_threads_and_connections_to_the_database(installation: Installation) -> None:
    port = urlsplit(installation.database_url).port or 5432
    ids = installation.submit_all([{"type": kind, "payload": {}} for kind in ("sample.echo", "sample.async_noop")] * 20)
    assert installation.await_ended(ids, within=30) == {"completed": 40}
    # Celery's main process writes a result for a message of a task that nobody knows.
    strange = {"task": "nobody.knows", "id": str(uuid.uuid4()), "lang": "py"}
    with kombu.Connection(installation.broker_url) as link, link.channel() as channel:
        for kind in ("plain", "async"):
            message = channel.prepare_message(
                "[[], {}, {}]", content_type="application/json", content_encoding="utf-8", headers=strange
            )
            channel.basic_publish(message, exchange=f"{installation.namespace}.tasks", routing_key=f"default.{kind}")
    stray = "SELECT 1 FROM tasks_deadletter WHERE type = 'nobody.knows' HAVING count(*) >= 2"
    installation.await_row(stray, within=30, what="both are set aside")
    for name in ("plain", "async"):
        main = installation.processes.running[name].pid
        assert len(list(Path(f"/proc/{main}/task").iterdir())) == 1
        # It may still be at the stranger's result, whose dead letter is written elsewhere.
        wait_until(partial(has_let_go, port, main), within=10, what="the main process has let go")
        # The same look finds what there is: each process's keeper has one, and nobody else.
        pool = installation.processes.children(name)
        assert [connections_to(port, pid) for pid in pool] == [1] * len(pool)
