"""Tasks that harm their processes in every known way, among a thousand good ones, and each gets what it deserves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.installation import Installation
from tests.broker.verdict import assert_sound

pytestmark = pytest.mark.broker

QUEUE = "poison"
WORKERS = ("poison-plain", "poison-async")
KILLER, CODE, TIMEOUT = "worker_killer", "code_error", "timeout"
# Each with the category of its death. What lets go of nothing at all cannot say that its time is over: it kills.
PLAIN = {
    "kill": KILLER,
    "recurse in C": KILLER,
    "hold the GIL": KILLER,
    "fill and swallow": KILLER,
    "exit": CODE,
    "memory": CODE,
    "recurse": CODE,
    "fill": CODE,
    "fill at once": CODE,
    "deaf": TIMEOUT,
    "swallow": TIMEOUT,
}
ASYNC = {"kill": KILLER, "fill": CODE, "exit": CODE, "block": TIMEOUT}


@pytest.fixture
def poisoned(installation: Installation) -> Iterator[Installation]:
    installation.add_queue(QUEUE)
    for name in WORKERS:
        line = f"{QUEUE}.{name.rpartition('-')[2]}"
        installation.start_worker(name, [line], LEASE_SECONDS="6", WORKER_MEMORY_LIMIT="400")
    installation.await_online(*WORKERS)
    yield installation
    for name in WORKERS:
        if installation.processes.is_alive(name):
            installation.processes.kill(name)


def test_a_thousand_good_tasks_complete_among_all_kinds_of_bad_ones(poisoned: Installation, ledger: Path) -> None:
    pids = {name: poisoned.processes.running[name].pid for name in WORKERS}
    noted = {"ledger": str(ledger)}
    work = [{"type": kind, "payload": noted, "queue": QUEUE} for kind in ("sample.work", "sample.async_work")]
    good = poisoned.submit_all(work * 250)
    bad = {
        (kind, how): poisoned.submit(
            kind,
            {"how": how},
            queue=QUEUE,
            timeout=30 if category == CODE else 2,  # what ends by itself has the time for it on a busy machine
            max_attempts=1,
            priority=5 if number % 2 else 9,
        )
        for kind, hows in (("sample.harm", PLAIN), ("sample.async_harm", ASYNC))
        for number, (how, category) in enumerate(hows.items())
    }
    good += poisoned.submit_all(work * 250)

    assert poisoned.await_ended(good, within=240) == {"completed": 1000}
    assert poisoned.await_ended(list(bad.values()), within=240) == {"failed": len(bad)}
    categories = {
        key: poisoned.value("SELECT category FROM tasks_deadletter WHERE task_id = %s", [task_id])
        for key, task_id in bad.items()
    }
    assert categories == {
        **{("sample.harm", how): category for how, category in PLAIN.items()},
        **{("sample.async_harm", how): category for how, category in ASYNC.items()},
    }
    why = poisoned.value("SELECT message FROM tasks_deadletter WHERE task_id = %s", [bad["sample.harm", "fill"]])
    assert "the limit is 400 MiB (WORKER_MEMORY_LIMIT)" in why

    assert assert_sound(poisoned, [*good, *bad.values()], ledger) == {"completed": 1000, "failed": len(bad)}
    # Whoever was beside a bad one was repeated at worst: no loss was charged, and nothing of its budget was used up.
    charged = "SELECT count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) AND (losses > 0 OR attempt - uncounted <> 1)"
    assert poisoned.value(charged, [good]) == 0

    again = poisoned.submit_all(work * 50)
    assert poisoned.await_ended(again, within=60) == {"completed": 100}
    assert {name: poisoned.processes.running[name].pid for name in WORKERS} == pids
    assert all(poisoned.processes.is_alive(name) for name in WORKERS)
