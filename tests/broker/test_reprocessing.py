"""Ten thousand tasks of which a fifth always fails, until its handler is mended and all that died is reprocessed."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker.conftest import namespace, opened
from tests.broker.installation import Databases, Installation
from tests.broker.messages import await_taken_in
from tests.broker.processes import wait_until
from tests.broker.verdict import NOT_COUNTED, Ledger, assert_sound

pytestmark = pytest.mark.broker

COUNT, BROKEN = 10_000, 2_000
KINDS = ("sample.work", "sample.async_work")
BUDGETS = (1, 2, 3)  # attempts that a broken task has


@pytest.fixture
def own(databases: Databases, tmp_path: Path) -> Iterator[Installation]:
    """An installation without any other test's dead letters: all means all."""
    made = Installation(
        databases.make("reprocess"), os.environ["BROKER_URL"], namespace("reprocess"), tmp_path / "installation"
    )
    with opened(made):
        made.start()
        yield made


def ten_thousand(ledger: Path, flaw: Path) -> list[dict[str, Any]]:
    """Each fifth is broken; kinds and budgets are spread evenly among the broken and the sound."""
    good = {"ledger": str(ledger)}
    bad = {**good, "fail_while": str(flaw)}
    return [
        {
            "type": KINDS[place // 5 % 2],
            "payload": good if place % 5 else bad,
            "max_attempts": BUDGETS[place // 5 % 3],
        }
        for place in range(COUNT)
    ]


def test_a_fifth_that_fails_dies_after_exactly_its_attempts_and_is_completed_by_one_reprocess(
    own: Installation, ledger: Path, tmp_path: Path
) -> None:
    flaw = tmp_path / "flaw"
    flaw.touch()
    tasks = ten_thousand(ledger, flaw)
    ids = own.submit_all(tasks)
    budgets = {
        each: task["max_attempts"] for each, task in zip(ids, tasks, strict=True) if "fail_while" in task["payload"]
    }
    assert (len(set(ids)), len(budgets)) == (COUNT, BROKEN)

    assert own.await_ended(ids, within=90) == {"completed": COUNT - BROKEN, "failed": BROKEN}
    assert_sound(own, ids, ledger)
    assert outcomes(own, "failed") == {each: ["failed"] * budget for each, budget in budgets.items()}
    assert_began_once(own, ledger)
    letters = """SELECT l.task_id::text, l.attempts - t.uncounted, l.attempts - t.attempt
        FROM tasks_deadletter l JOIN tasks_task t ON t.id = l.task_id WHERE l.resolution = ''"""
    assert sorted(own.rows(letters)) == sorted((each, budget, 0) for each, budget in budgets.items())
    assert own.count("/api/dlq/tasks/?open=true") == BROKEN
    assert own.count("/api/tasks/?status=failed") == BROKEN

    flaw.unlink()
    call = (
        "from tasks.models import DeadLetter; from tasks.services import reprocess_dead_letters; "
        f"assert len(reprocess_dead_letters(DeadLetter.objects.all()).done) == {BROKEN}"
    )
    own.processes.run("python", "manage.py", "shell", "-v", "0", "-c", call)

    assert own.await_ended(ids, within=60) == {"completed": COUNT}
    assert_sound(own, ids, ledger)
    assert outcomes(own, "completed") == {each: [*["failed"] * budgets.get(each, 0), "completed"] for each in ids}
    assert_began_once(own, ledger)
    assert Counter(task for task, _ in Ledger.read(ledger).ends.elements()) == Counter(ids)
    await_announced(own)
    assert own.rows("SELECT resolution, count(*) FROM tasks_deadletter WHERE task_id IS NOT NULL GROUP BY 1") == [
        ("reprocessed", BROKEN)
    ]


def outcomes(installation: Installation, status: str) -> dict[str, list[str]]:
    """Returns how each task's attempts ended, in order, for tasks in this status.

    Those that do not count are left out: a busy machine may hand back what it has claimed and not begun.
    """
    found = installation.rows(
        """SELECT t.id::text, array_agg(a.outcome ORDER BY a.number) FROM tasks_task t
        JOIN tasks_taskattempt a ON a.task_id = t.id WHERE t.status = %s GROUP BY t.id""",
        [status],
    )
    return {task: [outcome for outcome in story if outcome not in NOT_COUNTED] for task, story in found}


def assert_began_once(installation: Installation, ledger: Path) -> None:
    """Holds the ledger to the rows: each attempt that counts began once, and nothing began besides."""
    starts = Ledger.read(ledger).starts
    assert set(starts.values()) == {1}
    rows = installation.rows("SELECT task_id::text, number, outcome FROM tasks_taskattempt")
    counted = {(task, number) for task, number, outcome in rows if outcome not in NOT_COUNTED}
    assert counted <= set(starts)
    assert set(starts) - counted <= {(task, number) for task, number, _ in rows}


def await_announced(installation: Installation) -> None:
    """Waits until each dead letter has been published, and what came of that into the dead queue is taken in."""
    left = "SELECT count(*) FROM tasks_deadletter WHERE announced_at IS NULL AND task_id IS NOT NULL"
    wait_until(lambda: not installation.value(left), within=60, what="all dead letters are announced")
    await_taken_in(installation)
