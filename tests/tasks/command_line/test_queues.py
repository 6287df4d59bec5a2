"""`manage.py queues`: figures, and each verb in a right and in a wrong state."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks.models import AuditEntry, Queue
from tasks.states import TaskStatus
from tests.tasks.command_line.conftest import Done
from tests.tasks.rows import tasks

Run = Callable[..., Done]


def without_ages(shape: Any) -> Any:
    """Returns the shape without what goes on from one look to the next."""
    if isinstance(shape, list):
        return [without_ages(each) for each in shape]
    if isinstance(shape, dict):
        moving = ("oldest_seconds", "in_per_second", "out_per_second", "drain_seconds")
        return {name: without_ages(value) for name, value in shape.items() if name not in moving}
    return shape


@pytest.mark.database
def test_figures_are_the_apis(run: Run, api: Any) -> None:
    tasks(2)
    for words, address in {
        "list": "queue-manager/queues/",
        "status": "queue-manager/status/",
        "overloaded": "queue-manager/overloaded/",
    }.items():
        assert without_ages(run("queues", words, "--json").json) == without_ages(api(address))
    shown = run("queues", "show", "default", "--json").json
    assert without_ages(shown) == without_ages(api("queue-manager/queues/default/"))


def test_people_read_them_on_80_columns(run: Run) -> None:
    tasks(2)
    for words in (["list"], ["status"], ["overloaded"], ["show", "default"]):
        done = run("queues", *words)
        lines = done.out.splitlines()
        if words == ["overloaded"]:
            lines = lines[: lines.index("")]  # below the table stands a sentence
        assert (done.code, max(map(len, lines)) <= 80) == (0, True), done.out
    row = next(line for line in run("queues", "list").out.splitlines() if line.startswith("default"))
    assert row.split()[2] == "2"
    assert "nobody leads" in run("queues", "status").out


@pytest.mark.database
def test_a_pause_names_who_and_why_and_is_lifted_once(run: Run) -> None:
    User.objects.create_user("ada")
    tasks(1, TaskStatus.PROCESSING)
    done = run("queues", "pause", "default", "http", "--reason", "the shop is down", "--as", "ada")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("default, http: nothing more is started.\n1 task")
    queue = Queue.objects.get(name="default")
    assert (queue.paused, str(queue.paused_by), queue.pause_reason) == (True, "ada", "the shop is down")
    assert "the shop is down" in run("queues", "show", "default").out
    again = run("queues", "pause", "default", "--reason", "again")
    assert (again.code, "default  paused already" in again.err) == (1, True)
    assert Queue.objects.get(name="default").pause_reason == "the shop is down"
    assert run("queues", "resume", "default", "--json").json[0]["paused"] is False
    assert run("queues", "resume", "default").code == 1
    assert AuditEntry.objects.filter(door="command line").count() == 3


def test_limits_are_set_and_taken_away(run: Run) -> None:
    done = run("queues", "limit", "default", "--rate", "2.5", "--concurrency", "4")
    assert (done.code, "2.5 a second" in done.out) == (0, True)
    assert run("queues", "limit", "default", "--rate", "none").code == 0
    queue = Queue.objects.get(name="default")
    assert (queue.rate_limit, queue.concurrency_limit) == (None, 4)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["limit", "default"], 2, "say which limit"),
        (["limit", "default", "--rate", "quick"], 2, "give a number or none"),
        (["limit", "default", "--rate", "-1"], 2, "--rate: give tasks a second"),
        (["limit", "default", "--concurrency", "0"], 2, "--concurrency: "),
        (["pause", "default", "--reason", "x" * 201], 2, "up to 200 characters"),
        (["pause", "default", "nowhere"], 1, "there is no queue 'nowhere'"),
        (["show", "nowhere"], 1, "there is no queue 'nowhere'"),
        (["pause"], 2, "required"),
    ],
    ids=lambda each: " ".join(each)[:40] if isinstance(each, list) else "",
)
def test_what_is_wrong_changes_nothing(words: list[str], code: int, said: str, run: Run) -> None:
    done = run("queues", *words)
    assert (done.code, said in done.err) == (code, True), done.err
    assert not Queue.objects.filter(paused=True).exists()
    assert not AuditEntry.objects.exists()
