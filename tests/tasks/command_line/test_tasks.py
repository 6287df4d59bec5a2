"""`manage.py tasks`: what it shows, in words and in the API's shapes."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.models import AuditEntry, Task, TaskLog
from tasks.services import pause_queue
from tasks.states import TaskStatus
from tasks.transitions import finish
from tests.tasks.command_line.conftest import Done
from tests.tasks.rows import HOLDER, a_task, claimed, ending, tasks

Run = Callable[..., Done]
S = TaskStatus
SOME = "01a2b3c4-0000-7000-8000-000000000001"


@pytest.fixture
def failed(run: Run) -> Task:
    (attempt,) = claimed(payload={"what": "in the payload", "password": "hunter2"}, name="Call \x1b[31mthe shop")
    finish([ending(attempt, S.FAILED, traceback="in the traceback")], incarnation=HOLDER)
    values: dict[str, Any] = {"attempt": 1, "at": database.now(), "level": "info", "message": "a line"}
    TaskLog.objects.create(task_id=attempt.id, fields={"n": 1}, **values)
    return Task.objects.get(id=attempt.id)


@pytest.mark.database
def test_a_list_is_the_apis_page(run: Run, api: Any, failed: Task) -> None:
    a_task(tags=["red"])
    page, same = run("tasks", "list", "--json", "--payloads").json, api("tasks/")
    assert page["results"] == same["results"]
    assert (page["count"], page["count_is_capped"], set(page)) == (2, False, set(same))
    assert [each["payload"] for each in run("tasks", "list", "--json").json["results"]] == [None, None]


@pytest.mark.parametrize(
    "words",
    [
        ["status:failed"],
        ["--status", "FAILED"],
        ["--limit", "5", "status:failed", "--queue", "default"],
        ["-status:pending", "--type", "sample.noop"],
        ["--", "-status:pending", "shop"],
        ["--created-after", "2020-01-01", 'payload.what:"in the payload"'],
        ["--created_after", "2020-01-01", "--category", "code_error"],
    ],
    ids=" ".join,
)
def test_the_grammar_and_the_filters_narrow_it(words: list[str], run: Run, failed: Task) -> None:
    a_task()
    done = run("tasks", "list", "--json", *words)
    assert (done.code, [each["id"] for each in done.json["results"]]) == (0, [str(failed.id)])


@pytest.mark.database
def test_pages_go_on_at_a_cursor(run: Run) -> None:
    wanted, found, cursor = {str(each) for each in tasks(3)}, list[str](), list[str]()
    for _ in range(2):
        page = run("tasks", "list", "--json", "--limit", "2", *cursor).json
        found += [each["id"] for each in page["results"]]
        cursor = ["--cursor", page["next"]]
    assert (set(found), len(found), page["next"]) == (wanted, 3, None)
    assert run("tasks", "list", "--cursor", "nonsense").code == 2


def test_a_table_fits_its_terminal_and_obeys_no_row(run: Run, failed: Task) -> None:
    Task.objects.update(type="t" * 100)
    done = run("tasks", "list")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    head, row = done.out.splitlines()
    assert head.split() == ["ID", "STATUS", "TASK", "TRY", "AGE"]
    assert row.split()[:3] == [str(failed.id), "failed", "Call"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "statsu:failed"], "there is no search word 'statsu'; did you mean status?"),
        (["list", "--status", "fialed"], "--status: 'fialed' is no status; did you mean failed?"),
        (["list", "--created-after", "soon"], "--created-after: "),
        (["list", "--status", "failed", "--status", "queued"], "it is given more than once"),
        (["list", "--ordering", "colour"], "--ordering: 'colour' is no order"),
        (["list", "--colour", "red"], "unrecognized arguments"),
        (["list", "--limit", "0"], "give a number from 1 to 10,000"),
        (["show", "nonsense"], "'nonsense' is no id"),
        (["cancel"], "give ids, or --all QUERY"),
        (["cancel", "--as", "nobody", SOME], "there is no user 'nobody'"),
        (["priority", "--to", "10", SOME], "give a number from 0 to 9"),
        (["edit", SOME], "say what to change"),
        (["retry", SOME, "--patch", "{"], "it is not JSON"),
        (["retry", SOME, "--spread", "-1"], "--spread: "),
        (["cancel", SOME, "--queue", "http"], "--queue: this goes with --all"),
        ([], "required"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_wrong_words_are_code_2(words: list[str], said: str, run: Run) -> None:
    done = run("tasks", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_one_task_is_the_apis_with_attempts_and_why(run: Run, api: Any, failed: Task) -> None:
    shown = run("tasks", "show", failed.id, "--json", "--payloads").json
    assert shown.pop("why") is None
    assert shown.pop("attempts") == api(f"tasks/{failed.id}/attempts/")["results"]
    assert shown == api(f"tasks/{failed.id}/")


def test_contents_are_shown_where_they_are_asked_for_and_masked(run: Run, failed: Task) -> None:
    plain, whole = run("tasks", "show", failed.id).out, run("tasks", "show", failed.id, "--payloads").out
    assert "it broke" in plain
    assert [words in plain for words in ("in the payload", "in the traceback")] == [False, False]
    assert [words in whole for words in ("in the payload", "in the traceback", "hunter2")] == [True, True, False]


def test_why_says_what_mends_it(run: Run, api: Any) -> None:
    task = a_task(S.SCHEDULED, run_at=database.now() + timedelta(hours=1))
    done = run("tasks", "why", task.id)
    assert "It is not due before" in done.out
    assert f"manage.py tasks run-now {task.id}" in done.out
    assert "It is not due before" in run("tasks", "show", task.id).out
    whys = [run("tasks", "why", task.id, "--json").json, run("tasks", "show", task.id, "--json").json["why"]]
    assert [each["cause"] for each in whys] == [api(f"tasks/{task.id}/why/")["cause"]] * 2


def test_what_mends_a_queue_is_a_command_too(run: Run) -> None:
    pause_queue("default")
    out = run("tasks", "why", a_task().id).out
    assert "manage.py queues resume default" in out or "After that" in out


def test_why_of_a_task_that_has_ended_is_refused(run: Run, failed: Task) -> None:
    done = run("tasks", "why", failed.id)
    assert (done.code, done.out, "failed" in done.err) == (1, "", True)


def test_logs_are_the_apis(run: Run, api: Any, failed: Task) -> None:
    assert run("tasks", "logs", failed.id, "--json").json["results"] == api(f"tasks/{failed.id}/logs/")["results"]
    assert "a line n=1" in run("tasks", "logs", failed.id).out
    assert run("tasks", "logs", HOLDER).code == 1


@pytest.mark.database
def test_types_and_numbers_are_the_apis(run: Run, api: Any, failed: Task) -> None:
    assert run("tasks", "types", "--json").json == api("task-types/")
    assert "sample.noop" in run("tasks", "types").out
    numbers, same = run("tasks", "stats", "--json").json, api("tasks/stats/")
    assert {**numbers, "per_minute": None} == {**same, "per_minute": None}
    assert "open dead letters" in run("tasks", "stats").out


def test_json_is_harmless_on_a_terminal(run: Run, failed: Task) -> None:
    Task.objects.update(name="\u202eevil\x9b31m")
    out = run("tasks", "list", "--json").out
    assert out.isascii()
    assert json.loads(out)["results"][0]["name"] == "\u202eevil\x9b31m"


def test_the_trail_says_who_and_from_where(run: Run) -> None:
    User.objects.create_user("ada")
    done = run("tasks", "cancel", a_task().id, "--as", "ada", "--reason", "ordered twice")
    assert (done.code, done.out) == (0, "1 task was cancelled.\n")
    entry = AuditEntry.objects.get()
    said = (entry.actor_name, entry.door, entry.verb, entry.reason)
    assert said == ("ada", "command line", "cancel", "ordered twice")
    run("tasks", "cancel", a_task().id)
    assert "@" in AuditEntry.objects.latest("id").actor_name
    User.objects.update(is_active=False)
    assert run("tasks", "cancel", a_task().id, "--as", "ada").code == 2
