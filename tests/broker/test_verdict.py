"""The verdict on runs with faults sees what is wrong: each test does one wrong to a story that was sound."""

from pathlib import Path

import pytest

from tests.broker.installation import Installation
from tests.broker.verdict import assert_sound

# Whatever the queues are, the rows and the ledger look the same.
pytestmark = [pytest.mark.broker, pytest.mark.parametrize("shared", ["classic"], indirect=True)]

WRONGS = {
    "nobody ended it": ("UPDATE tasks_task SET status = 'queued', finished_at = NULL WHERE id = {}", "still queued"),
    "its record is gone": ("DELETE FROM tasks_taskattempt WHERE task_id = {}", "claimed 1 times"),
    "a claim left no record": ("UPDATE tasks_task SET attempt = 2 WHERE id = {}", "claimed 2 times"),
    "it is stored nowhere": ("DELETE FROM tasks_task WHERE id = {}", "not stored"),
    "it failed after all": (
        "UPDATE tasks_taskattempt SET outcome = 'failed' WHERE task_id = {}",
        "completed with 0 completed attempts",
    ),
}

NOTES = {
    "an attempt began twice": ("start {task} 1 1\n", "attempt 1 began 2 times"),
    "an attempt ended twice": ("end {task} 1 1\n", "attempt 1 ended 2 times"),
    "it ran in an attempt that nobody knows": ("start {task} 2 1\n", "attempt 2 ran and is not recorded"),
    "it was repeated without a reason": ("start {task} 2 1\nend {task} 2 1\n", "attempts \\[1\\] were repeated"),
}


@pytest.fixture
def task(installation: Installation, ledger: Path) -> str:
    """A task whose story is sound."""
    task = installation.submit("sample.work", {"ledger": str(ledger)})
    installation.await_ended([task], within=20)
    assert assert_sound(installation, [task], ledger) == {"completed": 1}
    return task


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_wrong_in_the_rows_is_seen(installation: Installation, task: str, wrong: str) -> None:
    statement, said = WRONGS[wrong]
    installation.rows(statement.format(f"'{task}'"))
    with pytest.raises(AssertionError, match=said):
        assert_sound(installation, [task])


@pytest.mark.parametrize("wrong", NOTES)
def test_a_wrong_in_the_ledger_is_seen(installation: Installation, ledger: Path, task: str, wrong: str) -> None:
    lines, said = NOTES[wrong]
    with ledger.open("a") as file:
        file.write(lines.format(task=task))
    with pytest.raises(AssertionError, match=said):
        assert_sound(installation, [task], ledger)


def test_a_handler_that_never_ended_did_not_complete(installation: Installation, ledger: Path, task: str) -> None:
    ledger.write_text(ledger.read_text().replace("end ", "start "))
    with pytest.raises(AssertionError, match="its handler never came to its end"):
        assert_sound(installation, [task], ledger)
