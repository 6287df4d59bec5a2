"""Starts bin/up for a test and talks to it as a user would."""

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers import free_ports

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "a-test-password-1"
START_SECONDS = 120


@dataclass
class Taskyard:
    process: "subprocess.Popen[str]"
    port: int
    home: Path
    output: list[str] = field(default_factory=list)
    token: str = ""
    reader: threading.Thread = field(default_factory=threading.Thread)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Returns the status and the JSON of an answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def log_in(self) -> None:
        status, tokens = self.call("POST", "/api/auth/token/", {"username": "admin", "password": PASSWORD})
        assert status == 200, tokens
        self.token = tokens["access"]

    def await_all_ended(self, within: float) -> dict[str, int]:
        """Waits until no task is on its way and returns the counts by status."""
        until = time.monotonic() + within
        while True:
            counts: dict[str, int] = self.call("GET", "/api/tasks/stats/")[1]["by_status"]
            if not any(counts[status] for status in ("pending", "queued", "processing", "retrying", "blocked")):
                return counts
            assert time.monotonic() < until, f"not ended in {within} s: {counts}"
            time.sleep(0.2)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Sends the signal and returns how many seconds it took until the process had ended."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=30)
        return time.monotonic() - began


@contextmanager
def taskyard(home: Path, *arguments: str, **variables: str) -> Iterator[Taskyard]:
    """Runs bin/up until the block ends."""
    port, flower_port = free_ports(2)
    environment = {
        **{key: value for key, value in os.environ.items() if key not in ("DATABASE_URL", "BROKER_URL")},
        "TASKYARD_HOME": str(home),
        "PORT": str(port),
        "FLOWER_PORT": str(flower_port),
        "DJANGO_SUPERUSER_USERNAME": "admin",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "EXTRA_APPS": "tests.sample_app",
        **variables,
    }
    process = subprocess.Popen(
        [str(ROOT / "bin" / "up"), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running = Taskyard(process, port, home)
    try:
        _await_ready(running)
        yield running
    finally:
        if process.poll() is None:
            running.stop()
        running.reader.join(timeout=5)
        if process.stdout is not None:
            process.stdout.close()


def _await_ready(running: Taskyard) -> None:
    ready = threading.Event()

    def read() -> None:
        assert running.process.stdout is not None
        for line in running.process.stdout:
            running.output.append(line.rstrip())
            if re.match(r"Taskyard is ready: http://127\.0\.0\.1:\d+/$", line):
                ready.set()

    running.reader = threading.Thread(target=read, daemon=True)
    running.reader.start()
    until = time.monotonic() + START_SECONDS
    while not ready.wait(0.1):
        if running.process.poll() is not None or time.monotonic() > until:
            raise AssertionError("bin/up did not get ready:\n" + "\n".join(running.output))


def processes_of(home: Path) -> list[str]:
    """Returns the command lines of processes that have the folder in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"TASKYARD_HOME={home}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
