"""What loops write for the health check: fresh while they go round, old when they hang, gone when their process is."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from deploy.healthy import wrong_loops
from tasks.consumer import Consumer
from tasks.coordinator import Coordinator
from tasks.duties import Duty
from tasks.pulse import Pulse
from tests.tasks.pool_process import PoolProcess, on_keepers_connections, until
from tests.tasks.rows import queues

HANGS = 2.5  # seconds: more than two writes are apart, on a busy machine too

_BEATS = """
import time
from django.conf import settings
settings.configure(PULSE_ROOT={folder!r})
from tasks.pulse import Pulse
pulse = Pulse("beat", "tick")
while True:
    pulse.beat()
    time.sleep(0.05)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TASKYARD_HOME", str(tmp_path))
    settings.PULSE_ROOT = tmp_path / "pulse"
    return tmp_path / "pulse"


Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def beating(folder: Path) -> Iterator[Start]:
    """Starts processes with nothing but a loop."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        root = Path(__file__).resolve().parents[2]
        code = _BEATS.format(folder=str(folder))
        process = subprocess.Popen([sys.executable, "-c", code], cwd=root)
        started.append(process)
        until(lambda: (folder / f"beat.tick.{process.pid}").exists())
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def test_a_frozen_process_is_old_until_it_goes_on(beating: Start) -> None:
    process = beating()
    until(lambda: wrong_loops("beat", HANGS) == "")
    process.send_signal(signal.SIGSTOP)
    until(lambda: wrong_loops("beat", HANGS).startswith("tick has stood still for "))
    process.send_signal(signal.SIGCONT)
    until(lambda: wrong_loops("beat", HANGS) == "")


def test_a_process_that_was_killed_is_no_process(beating: Start, folder: Path) -> None:
    first, second = beating(), beating()
    first.kill()
    first.wait(10)
    assert wrong_loops("beat", HANGS) == ""  # the other one lives
    second.kill()
    second.wait(10)
    assert wrong_loops("beat", HANGS) == "no sign of tick: is it running?"
    third = beating()
    assert [path.name for path in folder.iterdir()] == [f"beat.tick.{third.pid}"]


def test_a_folder_that_is_not_there_is_no_process() -> None:
    assert wrong_loops("worker", HANGS) == "no sign of main: is it running?"


def test_a_loop_that_ended_is_not_missed_as_one_that_hangs(folder: Path) -> None:
    pulse = Pulse("worker", "keeper")
    pulse.beat()
    assert (folder / f"worker.keeper.{os.getpid()}").exists()
    pulse.stop()
    pulse.beat()
    assert not list(folder.iterdir())


def test_a_home_that_cannot_be_written_stops_no_loop(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder.write_text("a file")
    Pulse("worker", "keeper").beat()
    assert "the health check is told nothing of keeper" in caplog.text


def test_a_worker_whose_pool_has_no_process_does_not_live(folder: Path) -> None:
    consumer = Consumer.__new__(Consumer)
    consumer._pulse = Pulse("worker", "main")
    consumer.pool = SimpleNamespace(_pool=object(), info={"processes": []})
    consumer._lives()
    assert wrong_loops("worker", HANGS) != ""
    consumer.pool.info["processes"].append(1)
    consumer._lives()
    assert wrong_loops("worker", HANGS) == ""


@pytest.mark.django_db(transaction=True)
def test_a_keeper_that_hangs_grows_old(start_process: Callable[[], PoolProcess]) -> None:
    main = Pulse("worker", "main")
    may_hang, go_on = threading.Event(), threading.Event()

    def statement(execute: Any, *args: Any) -> Any:
        if may_hang.is_set():
            go_on.wait(30)
        return execute(*args)

    def wrong() -> str:
        main.beat()
        return wrong_loops("worker", HANGS)

    with on_keepers_connections(statement):
        start_process()
        try:
            until(lambda: wrong() == "")
            may_hang.set()
            until(lambda: wrong().startswith("keeper has stood still for "), timeout=20)
        finally:
            may_hang.clear()
            go_on.set()
        until(lambda: wrong() == "")


@pytest.mark.django_db(transaction=True)
def test_a_duty_that_hangs_grows_old_and_nothing_else_does(embedded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queues("default")
    go_on = threading.Event()

    def hang(term: int) -> int:
        go_on.wait(30)
        return 0

    monkeypatch.setattr("tasks.coordinator.row_duties", lambda: [Duty("hang", 0.1, hang)])
    coordinator = Coordinator()

    def run() -> None:
        coordinator.run()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        until(lambda: wrong_loops("coordinator", HANGS).startswith("duties has stood still for "), timeout=20)
        assert "," not in wrong_loops("coordinator", HANGS)
        go_on.set()
        until(lambda: wrong_loops("coordinator", HANGS) == "")
    finally:
        go_on.set()
        coordinator.stopping.set()
        thread.join(20)
    assert wrong_loops("coordinator", HANGS).startswith("no sign of dispatcher, duties, lead, reaper")
