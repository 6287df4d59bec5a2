"""bin/up as a newcomer meets it: SQLite, the filesystem broker, real processes, a real HTTP server."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.running import ROOT, Taskyard, taskyard

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taskyard]:
    with taskyard(tmp_path_factory.mktemp("home")) as started:
        started.log_in()
        yield started


def test_the_first_start_loads_a_demo_whose_tasks_reach_their_ends(running: Taskyard) -> None:
    counts = running.await_all_ended(within=30)
    assert counts["completed"] >= 4
    assert counts["failed"] == 1
    letters = running.call("GET", "/api/dlq/tasks/")[1]["results"]
    assert [(letter["type"], letter["category"]) for letter in letters] == [("http_request", "http_4xx")]
    types = {task["type"] for task in running.call("GET", "/api/tasks/?status=completed")[1]["results"]}
    assert types == {"health_check", "http_request", "data_processing", "cleanup"}


def test_its_loops_say_that_they_live(running: Taskyard) -> None:
    for process in ("worker", "coordinator", "beat"):
        done = subprocess.run(
            [str(ROOT / ".venv" / "bin" / "python"), "-m", "deploy.healthy", process, "--older-than", "10"],
            cwd=ROOT,
            env={"TASKYARD_HOME": str(running.home)},
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout) == (0, f"{process}: lives\n")


def test_a_thousand_mixed_tasks_run_to_their_right_ends(running: Taskyard) -> None:
    before = running.await_all_ended(within=30)
    ledger = str(running.home / "ledger")
    tasks = [
        *({"type": "sample.echo", "payload": {"n": n}} for n in range(300)),
        *({"type": "sample.async_noop", "payload": {}} for _ in range(300)),
        *({"type": "sample.work", "payload": {"ledger": ledger}} for _ in range(200)),
        *({"type": "sample.work", "payload": {"ledger": ledger, "fail_until": 1}} for _ in range(100)),
        *({"type": "sample.async_work", "payload": {"fail_until": 9}, "max_attempts": 2} for _ in range(100)),
    ]
    status, answer = running.call("POST", "/api/tasks/bulk/", tasks)
    assert (status, answer["count"]) == (201, 1000)
    after = running.await_all_ended(within=60)
    assert after["completed"] - before["completed"] == 900
    assert after["failed"] - before["failed"] == 100
    lines = Path(ledger).read_text().splitlines()
    ends = [line.split()[1] for line in lines if line.startswith("end ")]
    assert len(ends) == len(set(ends)) == 300


def test_what_is_submitted_while_the_broker_is_gone_runs_when_it_is_back(running: Taskyard) -> None:
    before = running.await_all_ended(within=30)
    folder = running.home / "broker"
    folder.rename(running.home / "broker.gone")
    folder.write_text("a file where the folder was: nothing can be made here")
    began = time.monotonic()
    for part in range(10):
        tasks = [{"type": "sample.echo", "payload": {"part": part, "n": n}} for n in range(100)]
        assert running.call("POST", "/api/tasks/bulk/", tasks)[0] == 201
    assert time.monotonic() - began < 20
    time.sleep(3)  # long enough for the dispatcher to have tried and failed
    assert running.call("GET", "/api/tasks/stats/")[1]["by_status"]["completed"] == before["completed"]
    folder.unlink()
    (running.home / "broker.gone").rename(folder)
    after = running.await_all_ended(within=60)
    assert after["completed"] - before["completed"] == 1000
    assert after["failed"] == before["failed"]


def test_a_second_run_over_the_same_folder_is_refused_in_one_line(running: Taskyard) -> None:
    result = _up(TASKYARD_HOME=str(running.home), PORT="18991", FLOWER_PORT="18992")
    assert result.returncode == 1
    assert result.stderr.strip().endswith("set TASKYARD_HOME to another folder")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"DATABASE_URL": "mysql://somewhere/x"}, "DATABASE_URL must start with one of postgres://, postgresql://"),
        ({"DATABASE_URL": "postgresql://u:secret@127.0.0.1:9/x"}, "the database 127.0.0.1:9/x (DATABASE_URL)"),
        ({"BROKER_URL": "amqp://u:secret@127.0.0.1:9//"}, "the broker 127.0.0.1:9 (BROKER_URL) does not answer"),
        ({"PORT": "eighty"}, "PORT='eighty' is not a port"),
        ({"WORKER_CONCURRENCY": "many"}, "WORKER_CONCURRENCY='many' is not a whole number"),
    ],
)
def test_a_wrong_variable_is_said_in_one_line(tmp_path: Path, variables: dict[str, str], words: str) -> None:
    result = _up(TASKYARD_HOME=str(tmp_path), **{"PORT": "18991", "FLOWER_PORT": "18992", **variables})
    assert result.returncode == 1
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert "secret" not in result.stderr


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = _up(TASKYARD_HOME=str(tmp_path), PORT=str(port))
    assert result.returncode == 1
    assert (
        result.stderr.strip() == f"bin/up: port {port} cannot be used (Address already in use): set PORT to another one"
    )


def _up(**variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "BROKER_URL")}
    return subprocess.run(
        [str(ROOT / "bin" / "up")], env=environment | variables, capture_output=True, text=True, timeout=60, check=False
    )
