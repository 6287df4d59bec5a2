"""`tasks export` and `deadletters export`: to a pipe or a file, which is whole or not there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from tasks.exporting.rows import Batches
from tasks.models import AuditEntry, DeadLetter
from tasks.states import Door, TaskStatus
from tests.tasks.command_line.conftest import Done
from tests.tasks.rows import a_task
from tests.tasks.sheets import READERS

pytestmark = pytest.mark.django_db

Run = Callable[..., Done]


def test_a_pipe_gets_csv_alone(run: Run) -> None:
    User.objects.create(username="ada")
    task = a_task(TaskStatus.FAILED, payload={"n": 1})
    a_task()
    done = run("tasks", "export", "--as", "ada", "status:failed", "--queue", "default")
    assert (done.code, done.err) == (0, "")
    (row,) = READERS["csv"](done.out.encode())
    assert row["id"] == str(task.id)
    assert "payload" not in row
    entry = AuditEntry.objects.get()
    assert (entry.door, entry.actor_name, entry.count) == (Door.COMMAND_LINE, "ada", 1)


@pytest.mark.parametrize("words", [("--format", "json"), ("--json",)])
def test_json_is_what_the_api_exports(words: tuple[str, ...], run: Run, api: Callable[..., Any]) -> None:
    a_task(payload={"n": 1})
    assert run("tasks", "export", *words, "--payloads").json == api("tasks/")["results"]


@pytest.mark.parametrize("form", list(READERS))
def test_a_file_is_written_and_its_rows_are_counted(form: str, run: Run, tmp_path: Path) -> None:
    a_task()
    name = tmp_path / "out"
    name.write_text("what was there")
    done = run("tasks", "export", "--format", form, "--output", name)
    assert (done.code, done.out, done.err) == (0, "", f"1 tasks are in {name}.\n")
    assert len(READERS[form](name.read_bytes())) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


def test_dead_letters_are_exported_by_their_words(run: Run) -> None:
    assert not DeadLetter.objects.exists()
    done = run("deadletters", "export", "resolution:open", "--format", "json")
    assert (done.code, done.json) == (0, [])


def test_what_fails_on_the_way_leaves_the_file_as_it_was(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_task()

    def breaks_off(self: Batches) -> Any:
        yield self._shapes(list(self._rows))
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(Batches, "__iter__", breaks_off)
    name = tmp_path / "out.csv"
    name.write_text("what was there")
    done = run("tasks", "export", "--output", name)
    assert (done.code, done.err) == (
        1,
        "CommandError: the database does not answer: the server closed the connection\n",
    )
    assert name.read_text() == "what was there"
    assert [each.name for each in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--format", "pdf"), 2, "--format: it is not one of csv, json, xlsx"),
        (("--format", "csv", "--json"), 2, "--json and --format name two formats"),
        (("stautus:failed",), 2, "there is no search word 'stautus'; did you mean status?"),
        (("--created-after", "soon"), 2, "--created-after: "),
        (("--output", "/no/such/folder/out.csv"), 1, "--output: No such file or directory"),
    ],
)
def test_what_is_wrong_is_said(words: tuple[str, ...], code: int, said: str, run: Run) -> None:
    done = run("tasks", "export", *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_terminal_gets_no_workbook(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.command_line.printing.Output.is_terminal", True)
    done = run("tasks", "export", "--format", "xlsx")
    assert (done.code, done.out) == (2, "")
    assert "XLSX is not for a terminal: name a file by --output FILE" in done.err
