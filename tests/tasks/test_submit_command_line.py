"""`manage.py submit` as a shell sees it: what it prints, and the code it ends with."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tasks.management.commands.submit import Command
from tasks.models import Task

ROOT = Path(__file__).resolve().parents[2]


def run(*words: str) -> int:
    """Runs the command as manage.py does, and returns its exit code."""
    try:
        Command().run_from_argv(["manage.py", "submit", *words])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.django_db(transaction=True)
def test_it_prints_the_id_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sample.noop", '{"a": 1}') == 0
    out, err = capsys.readouterr()
    assert (uuid.UUID(out.strip()), err) == (Task.objects.get().id, "")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample.noop", "{"], "the payload is not JSON: "),
        (["sample.noop", "[" * 100_000], "the payload is not JSON: "),
        (["sample.noop", '{"a": NaN}'], "payload: the payload cannot be stored: "),
        (["sample.noop", '{"a": "\udcff"}'], "payload: the payload cannot be stored: "),
        (["\udcff"], "type: "),
        (["sample.noop", "--retry", "{"], "--retry is not JSON: "),
        (["sample.noop", "--retry", "often"], "--retry is not JSON: "),
        (["sample.noop", "--retry", '{"kind": "often"}'], "retry.kind: "),
        (["sample.noop", "--run-at", "tomorrow"], "run_at: give an ISO 8601 time with its zone"),
        (["sample.noop", "--run-at", "2030-01-31T08:00:00"], "run_at: "),
        (["sample.noop", "--delay", "5", "--run-at", "2030-01-31T08:00:00Z"], "give delay or run_at, not both"),
        (["sample.noop", "--delay", "nan"], "delay: "),
        (["sample.noop", "--timeout", "0"], "timeout: "),
        (["sample.noop", "--max-attempts", "0"], "max_attempts: "),
        (["sample.noop", "--tag", ""], "tags.0: "),
        (["sample.noop", "--name", "x" * 201], "name: "),
        (["sample.noop", "--idempotency-key", ""], "idempotency_key: "),
    ],
)
def test_a_mistake_is_one_line_and_code_1(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"CommandError: {said}")
    assert err.count("\n") == 1
    assert Task.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_another_body_under_a_key_is_one_line_and_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    run("sample.noop", "--idempotency-key", "k")
    capsys.readouterr()
    assert run("sample.noop", '{"a": 1}', "--idempotency-key", "k") == 1
    assert capsys.readouterr().err == "CommandError: the idempotency key 'k' was used before with another body\n"


@pytest.mark.parametrize("words", [[], ["sample.noop", "--priority", "high"], ["sample.noop", "--colour", "red"]])
def test_what_is_no_option_shows_the_usage_and_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert capsys.readouterr().err.startswith("usage: manage.py submit ")


def test_without_a_database_it_is_one_line_and_code_1() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "submit", "health_check"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": "postgres://nobody:s3cret@127.0.0.1:9/nothing"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("CommandError: the database does not answer: ")
    assert done.stderr.count("\n") == 1
    assert "s3cret" not in done.stderr
