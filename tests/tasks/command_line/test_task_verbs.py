"""Each verb on tasks in a right and in a wrong state, by ids and for everything that matches."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tasks import database
from tasks.models import BulkAction, Task
from tasks.states import BulkStatus, TaskStatus
from tests.tasks.command_line.conftest import Done
from tests.tasks.rows import a_task, tasks

Run = Callable[..., Done]
S = TaskStatus

# The verb with its words, where it is allowed, and where it leads.
VERBS = [
    (["cancel"], S.PENDING, S.CANCELLED),
    (["retry"], S.FAILED, S.PENDING),
    (["run-now"], S.SCHEDULED, S.PENDING),
    (["priority", "--to", "9"], S.PENDING, S.PENDING),
    (["edit", "--priority", "9"], S.PENDING, S.PENDING),
]


@pytest.mark.parametrize(("verb", "right", "then"), VERBS, ids=lambda each: each[0] if isinstance(each, list) else "")
@pytest.mark.database
def test_what_its_state_allows_is_done_and_the_rest_is_skipped(
    verb: list[str], right: TaskStatus, then: TaskStatus, run: Run
) -> None:
    later, missing = database.now() + timedelta(hours=1), uuid.UUID(int=5)
    task, wrong = a_task(right, run_at=later), a_task(S.COMPLETED)
    done = run("tasks", *verb, task.id, wrong.id, missing, "--json")
    skipped = {each["id"]: each["status"] for each in done.json["skipped"]}
    assert (done.code, done.json["done"]) == (1, [str(task.id)])
    assert skipped == {str(wrong.id): S.COMPLETED, str(missing): None}
    assert "2 of 3 skipped" in done.err
    assert f"{wrong.id}  completed: " in done.err
    assert "there is no " in done.err
    after = Task.objects.get(id=task.id)
    assert after.run_at < later or verb[0] not in ("run-now", "retry")
    assert after.priority == 9 or "9" not in verb
    assert after.status == then


def test_a_running_task_is_asked(run: Run) -> None:
    done = run("tasks", "cancel", a_task(S.PROCESSING).id)
    assert (done.code, done.out) == (0, "1 task was asked of the worker, which confirms it within seconds.\n")


def test_a_copy_differs_as_it_is_told(run: Run, api: Any) -> None:
    task = a_task(S.COMPLETED, payload={"token": "s3cret", "n": 1})
    words = ("--payload", '{"token": "***", "n": 2}', "--queue", "http", "--json", "--payloads")
    done = run("tasks", "clone", task.id, *words)
    (shape,) = done.json["tasks"]
    assert (done.code, shape) == (0, api(f"tasks/{shape['id']}/"))
    assert (shape["clone_of"], shape["queue"]) == (str(task.id), "http")
    assert Task.objects.get(id=shape["id"]).payload == {"token": "s3cret", "n": 2}
    done = run("tasks", "clone", task.id, "--queue", "nowhere")
    assert (done.code, "there is no queue 'nowhere'" in done.err) == (1, True)


def test_what_is_completed_is_undone_once(run: Run) -> None:
    task = a_task(S.COMPLETED, compensation={"type": "sample.noop", "payload": {}})
    done = run("tasks", "compensate", task.id)
    undo = Task.objects.get(compensates=task)
    assert (done.code, done.out) == (0, f"{task.id}: by task {undo.id}\n1 task was compensated.\n")
    again = run("tasks", "compensate", task.id)
    assert (again.code, "undoes" in again.err) == (1, True)


def test_a_retry_patches_the_payload(run: Run) -> None:
    task = a_task(S.FAILED, payload={"a": 1, "b": 2})
    assert run("tasks", "retry", task.id, "--patch", '{"a": 3}').code == 0
    assert Task.objects.get(id=task.id).payload == {"a": 3, "b": 2}


# --- Everything that matches ----------------------------------------------------------------------------------------


class Terminal:
    """Somebody who gives this answer."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answer


@pytest.mark.database
def test_everything_is_counted_asked_about_and_started(run: Run, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks(3)
    tasks(1, S.COMPLETED)
    monkeypatch.setattr("sys.stdin", Terminal("yes\n"))
    done = run("tasks", "cancel", "--all", "type:sample.noop", "--reason", "not needed", "--json")
    action = BulkAction.objects.get()
    assert (done.code, done.json) == (0, api(f"bulk-actions/{action.id}/"))
    assert (action.verb, action.total, action.expected, action.reason) == ("cancel", 4, 4, "not needed")
    assert action.door == "command line"
    for words in ("4 tasks", "3 pending, 1 completed", "1 are in a state that does not", "No coordinator leads"):
        assert words in done.err


@pytest.mark.parametrize(
    ("words", "answer", "code", "said"),
    [
        (["--reason", "x"], "no\n", 1, "nothing was started"),
        (["--reason", "x"], None, 2, "say --yes"),
        (["--yes"], None, 2, "say why, by --reason"),
        (["--yes", "--reason", "x", "--expect", "1"], None, 1, "3 match by now, and 1 were confirmed"),
        (["--yes", "--reason", "x", "--status", "failed"], None, 1, "nothing matches"),
        (["01a2b3c4-0000-7000-8000-000000000001"], None, 2, "not both"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_else_nothing_is_started(
    words: list[str], answer: str | None, code: int, said: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks(3)
    if answer is not None:
        monkeypatch.setattr("sys.stdin", Terminal(answer))
    done = run("tasks", "cancel", "--all", "queue:default", *words)
    assert (done.code, BulkAction.objects.count()) == (code, 0)
    assert said in done.err


def test_a_dry_run_counts(run: Run) -> None:
    tasks(3)
    done = run("tasks", "priority", "--to", "9", "--all", "--queue", "default", "--dry-run", "--json")
    assert (done.code, done.json["count"], done.json["breakdown"]) == (0, 3, {"pending": 3})
    assert "3 tasks" in run("tasks", "cancel", "--all", "--dry-run").out
    assert BulkAction.objects.count() == 0


@pytest.mark.database
def test_bulk_actions_are_shown_and_steered(run: Run, api: Any) -> None:
    tasks(2, S.FAILED)
    guard = ("--canary", "1", "--failure-share", "0.5")
    done = run("tasks", "retry", "--all", "status:failed", "--reason", "mended", "--yes", "--json", *guard)
    action = done.json["id"]
    assert (done.json["guard"]["canary"], done.json["guard"]["failure_share"]) == (1, 0.5)
    assert run("tasks", "bulk", "list", "--json").json["results"] == api("bulk-actions/")["results"]
    assert action in run("tasks", "bulk", "list", "--status", "waiting").out
    assert run("tasks", "bulk", "list", "--status", "odd").code == 2
    assert run("tasks", "bulk", "show", action, "--json").json == api(f"bulk-actions/{action}/")
    assert "mended" in run("tasks", "bulk", "show", action).out
    for verb, code, status in (
        ("resume", 1, BulkStatus.WAITING),
        ("pause", 0, BulkStatus.PAUSED),
        ("resume", 0, BulkStatus.WAITING),
        ("abort", 0, BulkStatus.ABORTED),
    ):
        assert (run("tasks", "bulk", verb, action).code, BulkAction.objects.get().status) == (code, status)
    done = run("tasks", "bulk", "pause", action)
    assert (done.code, "aborted cannot be paused" in done.err) == (1, True)
    assert run("tasks", "bulk", "show", uuid.UUID(int=5)).code == 1
