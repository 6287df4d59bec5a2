"""Requests to cancel what a worker executes: confirmed by it within a renewal's time, whatever the handler does."""

from pathlib import Path
from typing import Any

import pytest

from tests.broker.installation import Installation
from tests.broker.processes import wait_until
from tests.broker.verdict import Ledger

pytestmark = pytest.mark.broker

QUEUE = "cancelled"
WORKERS = ("cancelled-plain", "cancelled-async")
CONFIRMED_WITHIN = 5.0  # seconds, by the database's clock
CANCELLED = [(1, "cancelled", "cancelled")]


@pytest.fixture
def cancelling(installation: Installation) -> Installation:
    installation.add_queue(QUEUE)
    for name in WORKERS:
        if not installation.processes.is_alive(name):
            installation.start_worker(name, [f"{QUEUE}.{name.rpartition('-')[2]}"], processes=1)
    installation.await_online(*WORKERS)
    return installation


def seconds_to_confirm(installation: Installation, task: str) -> float:
    taken = "SELECT extract(epoch FROM finished_at - cancel_requested_at) FROM tasks_task WHERE id = %s"
    return float(installation.value(taken, [task]))


def test_a_task_that_runs_is_stopped_soon_whatever_it_does(cancelling: Installation, ledger: Path) -> None:
    noted = {"seconds": 120, "ledger": str(ledger)}
    sorts: list[tuple[str, dict[str, Any]]] = [
        ("sample.work", noted),
        ("sample.async_work", noted),
        ("sample.harm", {"how": "swallow"}),
        ("sample.harm", {"how": "swallow twice"}),
        ("sample.async_harm", {"how": "swallow twice"}),
    ]
    for kind, payload in sorts:
        task = cancelling.submit(kind, payload, queue=QUEUE)
        cancelling.await_status("processing", [task], within=20)
        if "ledger" in payload:
            wait_until(lambda task=task: (task, 1) in Ledger.read(ledger).starts, within=10, what="it runs")  # type: ignore[misc]
        cancelling.cancel(task)
        assert cancelling.await_ended([task], within=20) == {"cancelled": 1}
        assert cancelling.attempts(task) == CANCELLED
        assert seconds_to_confirm(cancelling, task) < CONFIRMED_WITHIN, (kind, payload)
        assert not cancelling.rows("SELECT 1 FROM tasks_deadletter WHERE task_id = %s", [task])
    assert not Ledger.read(ledger).ends
    # The processes go on.
    after = [cancelling.submit(kind, {}, queue=QUEUE) for kind in ("sample.work", "sample.async_work")]
    assert cancelling.await_ended(after, within=20) == {"completed": 2}


def test_what_is_claimed_and_not_begun_never_begins(cancelling: Installation, ledger: Path) -> None:
    quick = {"type": "sample.work", "payload": {"ledger": str(ledger)}, "queue": QUEUE}
    behind = wait_until(
        lambda: cancel_one_that_waits_in_a_process(cancelling, quick), within=90, what="one is cancelled in time"
    )
    assert cancelling.await_ended([behind], within=20) == {"cancelled": 1}
    assert seconds_to_confirm(cancelling, behind) < CONFIRMED_WITHIN
    assert not any(task == behind for task, _ in Ledger.read(ledger).starts)


def cancel_one_that_waits_in_a_process(installation: Installation, quick: dict[str, Any]) -> str:
    """Returns the id; "" where the machine was so slow that what waited was handed back before."""
    # The dispatcher learns that the type is quick, and then sends many in one message.
    assert installation.await_ended(installation.submit_all([quick] * 60), within=30) == {"completed": 60}
    long = {**quick, "payload": {**quick["payload"], "seconds": 4}}
    ids = installation.submit_all([quick, long, *[quick] * 20])
    installation.await_status("processing", [ids[1]], within=20)
    # As the service does, but at once: what waits behind a long handler is handed back after a second.
    asked = installation.rows(
        """UPDATE tasks_task SET cancel_requested_at = clock_timestamp() WHERE id = (
            SELECT id FROM tasks_task WHERE id = ANY(%s::uuid[]) AND status = 'processing' ORDER BY id DESC LIMIT 1)
        AND status = 'processing' AND id <> %s RETURNING id::text""",
        [ids, ids[1]],
    )
    if asked:
        return str(asked[0][0])
    installation.await_ended(ids, within=30)
    return ""
