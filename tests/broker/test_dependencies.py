"""Tasks that wait for others, with real workers: large and deep families, undoing, and types of a later release."""

import signal
from pathlib import Path

import pytest

from tests.broker.installation import Installation
from tests.broker.processes import wait_until
from tests.broker.verdict import Ledger, assert_sound

pytestmark = pytest.mark.broker

CHILDREN = 9_999


def test_ten_thousand_that_wait_for_one(installation: Installation) -> None:
    """More than one transaction tells: the coordinator goes on with them."""
    noop = {"type": "sample.noop", "payload": {}}
    root, *children = installation.submit_all(
        [noop | {"delay": 2}, *(noop | {"depends_on": [0]} for _ in range(CHILDREN))]
    )
    assert installation.statuses(children) == {"blocked": CHILDREN}
    assert installation.await_ended([root, *children], within=90) == {"completed": CHILDREN + 1}
    assert_sound(installation, [root, *children])
    early = """SELECT count(*) FROM tasks_task c, tasks_task p
        WHERE p.id = %s AND c.id = ANY(%s::uuid[]) AND c.started_at < p.finished_at"""
    assert installation.value(early, [root, children]) == 0


def test_ten_thousand_that_wait_for_one_that_fails_and_is_retried(installation: Installation) -> None:
    noop = {"type": "sample.noop", "payload": {}}
    failing = {"type": "sample.work", "payload": {"fail_until": 1}, "max_attempts": 1}
    root, *children = installation.submit_all([failing, *(noop | {"depends_on": [0]} for _ in range(CHILDREN))])
    assert installation.await_ended([root, *children], within=60) == {"failed": CHILDREN + 1}
    assert installation.value("SELECT count(*) FROM tasks_deadletter WHERE task_id = ANY(%s::uuid[])", [children]) == 0
    installation.retry(root)
    assert installation.await_ended([root, *children], within=90) == {"completed": CHILDREN + 1}
    assert_sound(installation, [root, *children])


def test_a_chain_and_a_diamond_run_in_their_order(installation: Installation, ledger: Path) -> None:
    def work(kind: str, *parents: int) -> dict[str, object]:
        return {"type": kind, "payload": {"ledger": str(ledger), "seconds": 0.05}, "depends_on": list(parents)}

    plain, coroutine = "sample.work", "sample.async_work"
    chain = [work(plain), *(work(coroutine if place % 2 else plain, place - 1) for place in range(1, 8))]
    diamond = [work(plain, 7), work(plain, 8), work(coroutine, 8), work(plain, 9, 10)]
    ids = installation.submit_all([*chain, *diamond])
    assert installation.await_ended(ids, within=60) == {"completed": 12}
    order = [words.split()[1] for words in ledger.read_text().splitlines() if words.startswith("start")]
    assert order[:9] == ids[:9]
    assert set(order[9:11]) == set(ids[9:11])
    assert order[11] == ids[11]
    assert_sound(installation, ids, ledger)


def test_an_undo_runs_with_payload_and_result_and_once(installation: Installation, ledger: Path) -> None:
    installation.start_worker("undo", ["compensation.plain"])
    installation.await_online("undo")
    try:
        task = installation.submit("sample.undoable", {"amount": 7, "ledger": str(ledger)})
        assert installation.await_ended([task], within=20) == {"completed": 1}
        undo = installation.compensate(task)
        assert installation.await_ended([undo], within=20) == {"completed": 1}
        result = "SELECT result FROM tasks_taskattempt WHERE task_id = %s"
        assert installation.value(result, [undo]) == {"refunded": 7, "of": {"charged": 7}}
        assert Ledger.read(ledger).ends == {(undo, 1): 1}
        with pytest.raises(AssertionError, match="already"):
            installation.compensate(task)
    finally:
        installation.processes.kill("undo")


def test_a_type_that_comes_with_a_later_release_waits_for_its_worker(installation: Installation) -> None:
    """A rolling deploy: the web knows the type, the worker that runs is of the release before."""
    installation.add_queue("rolling")
    installation.start_worker("old", ["rolling.plain"], EXTRA_APPS="")
    installation.await_online("old")
    try:
        new = installation.submit_all([{"type": "sample.noop", "payload": {}, "queue": "rolling"}] * 20)
        known = installation.submit("health_check", queue="rolling")
        assert installation.await_ended([known], within=20) == {"completed": 1}
        parked = "SELECT DISTINCT status, parked FROM tasks_task WHERE id = ANY(%s::uuid[])"
        reason = "no online worker of the queue rolling knows the type sample.noop"
        installation.await_row(f"{parked} AND parked <> ''", [new], within=30, what="they are parked")
        assert installation.rows(parked, [new]) == [("pending", reason)]
        installation.start_worker("new", ["rolling.plain"])
        installation.await_online("new")
        wait_until(
            lambda: "completed" in installation.statuses(new), within=30, what="the new worker has taken up the first"
        )
        # Meanwhile the old one got some of them too, and has handed them back.
        installation.processes.signal(signal.SIGTERM, "old")
        assert installation.await_ended(new, within=60) == {"completed": 20}
        assert_sound(installation, [*new, known])
    finally:
        for name in ("old", "new"):
            if installation.processes.is_alive(name):
                installation.processes.kill(name)
