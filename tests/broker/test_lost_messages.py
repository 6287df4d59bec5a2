"""Messages that the broker loses: the rows know better."""

from pathlib import Path
from typing import Any

import pytest

from tasks import topology
from tests.broker.installation import Installation
from tests.broker.processes import wait_until

pytestmark = pytest.mark.broker


def test_purged_messages_are_sent_again(installation: Installation, tmp_path: Path) -> None:
    line = f"{installation.namespace}.default.plain"
    released = tmp_path / "released"
    busy = []
    for _ in range(2):  # one by one: together they might be one process's, and the other would be free
        busy.append(installation.submit("sample.work", {"until": str(released)}, priority=9))
        installation.await_status("processing", busy, within=20)
    # As many as the window takes while both processes are busy: none is left to follow the purged ones.
    tasks = installation.submit_all([{"type": "sample.noop", "payload": {}}] * 3)
    installation.await_status("queued", tasks, within=20)
    with installation.channel() as channel:
        purged = wait_until(lambda: channel.queue_purge(line), within=20, what="messages to purge")
    released.touch()
    assert installation.await_ended([*tasks, *busy], within=30) == {"completed": len(tasks) + 2}
    returned = "SELECT count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) AND returns >= 1"
    assert installation.value(returned, [tasks]) >= purged


def test_a_queue_that_is_deleted_under_its_worker_is_made_again(installation: Installation) -> None:
    installation.add_queue("deleted")
    installation.start_worker("deleted", ["deleted.plain"], processes=1)
    installation.await_online("deleted")
    busy = installation.submit("sample.work", {"seconds": 2}, queue="deleted")
    installation.await_status("processing", [busy], within=20)
    tasks = installation.submit_all([{"type": "sample.noop", "queue": "deleted", "payload": {}}] * 20)
    wait_until(lambda: installation.statuses(tasks).get("queued"), within=20, what="messages are ready")
    with installation.channel() as channel:
        assert channel.queue_delete(f"{installation.namespace}.deleted.plain") > 0
    assert installation.await_ended([busy, *tasks], within=40) == {"completed": 21}
    installation.processes.kill("deleted")


def test_a_worker_to_which_the_broker_delivers_nothing_any_more_connects_anew(
    installation: Installation, settings: Any
) -> None:
    settings.BROKER_NAMESPACE = installation.namespace
    settings.BROKER_QUEUE_TYPE = installation.processes.environment["BROKER_QUEUE_TYPE"]
    installation.add_queue("deaf")
    installation.start_worker("deaf", ["deaf.plain"], processes=1)
    installation.await_online("deaf")
    busy = installation.submit("sample.work", {"seconds": 1}, queue="deaf")
    installation.await_status("processing", [busy], within=10)
    with installation.channel() as channel:
        # So soon, RabbitMQ does not tell a quorum queue's consumers that it was deleted.
        channel.queue_delete(f"{installation.namespace}.deaf.plain")
        topology.work_queue("deaf.plain").bind(channel).declare()
    tasks = installation.submit_all([{"type": "sample.noop", "queue": "deaf", "payload": {}}] * 5)
    assert installation.await_ended([busy, *tasks], within=60) == {"completed": 6}
    installation.processes.kill("deaf")
