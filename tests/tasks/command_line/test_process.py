"""One run as a process of its own: what a pipe gets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["queues", "overloaded", "--json"], 1, "the database does not answer"),
        (["tasks", "list", "--limit", "many"], 2, "give a number from 1 to 10,000"),
    ],
    ids=["refused", "misused"],
)
def test_a_pipe_gets_no_traceback_and_an_exit_code(words: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": "postgres://nobody:s3cret@127.0.0.1:9/nothing"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr
