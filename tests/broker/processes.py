"""Processes of a test's own: logged, found again by a mark in their environment, and gone when the test is."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from tests.broker.nursery import BIN, ROOT, Born, Nursery

Found = TypeVar("Found")

MARK = "TASKYARD_HOME"  # each installation has a folder of its own, and whatever it starts inherits the name

# Kills whoever carries the mark when our end of the pipe closes unannounced: even a test process that was killed
# leaves nothing behind.
_GUARD = (
    'read -r word; [ "$word" = done ] && exit; '
    'kill -s KILL $(grep -lzxF "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3)'
)


class Processes:
    """The named processes of one folder."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home, self.environment = home, {**environment, MARK: str(home)}
        self.variables: dict[str, dict[str, str]] = {}  # of single processes, by their names
        self.running: dict[str, subprocess.Popen[bytes] | Born] = {}
        self._nursery: Nursery | None = None
        (home / "log").mkdir(parents=True, exist_ok=True)
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", f"{MARK}={home}"],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def start(self, name: str, *command: str, prefix: Sequence[str] = (), **variables: str) -> int:
        """Starts a program of the virtual environment and returns its pid. A prefix must become that program."""
        environment = {**self.environment, **self.variables.get(name, {}), **variables}
        with (self.home / "log" / f"{name}.log").open("ab") as log:
            if not prefix and "LD_PRELOAD" not in environment:  # that takes a program of its own
                self.running[name] = born = self._get_nursery().become(command, environment, log.fileno())
                return born.pid
            self.running[name] = subprocess.Popen(
                [*prefix, str(BIN / command[0]), *command[1:]],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.running[name].pid

    def _get_nursery(self) -> Nursery:
        if self._nursery is None:
            self._nursery = Nursery(self.environment)
        return self._nursery

    def run(self, *command: str, **variables: str) -> str:
        """Runs a command to its end, which must be a good one, and returns what it printed."""
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            env={**self.environment, **variables},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def is_alive(self, name: str) -> bool:
        return name in self.running and self.running[name].poll() is None

    def signal(self, number: signal.Signals, *names: str) -> None:
        for name in names:
            self.running[name].send_signal(number)

    def await_end(self, *names: str, within: float) -> float:
        """Waits until the processes have ended by themselves. Returns the seconds it took."""
        began = time.monotonic()
        for name in names:
            try:
                self.running[name].wait(max(0.0, began + within - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise AssertionError(f"{name} did not end in {within} s\n{self.logs()}") from None
            del self.running[name]
        return time.monotonic() - began

    def kill(self, name: str) -> None:
        """Kills one process as the kernel would; what it started is not touched."""
        process = self.running.pop(name)
        process.kill()
        process.wait(5)

    def children(self, name: str) -> list[int]:
        """Returns the pool processes of a worker."""
        pid = self.running[name].pid
        words = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
        return [int(child) for text in words for child in text.split()]

    def marked(self) -> list[int]:
        """Returns every living process that carries our mark, also those that ours started; not the nursery."""
        mark = f"{MARK}={self.home}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return [pid for pid in found if self._nursery is None or pid != self._nursery.pid]

    def close(self) -> None:
        """Asks everything to end, and ends what does not."""
        for process in self.running.values():
            process.terminate()
        until = time.monotonic() + 12
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
        while left := self.marked():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for process in self.running.values():
            process.wait(5)
        if self._nursery is not None:
            self._nursery.close()
            self._nursery = None
        self._guard.communicate(b"done\n")

    def logs(self, lines: int = 40) -> str:
        """Returns the end of each log, for a test that failed."""
        parts = []
        for path in sorted((self.home / "log").glob("*.log")):
            end = path.read_text(errors="replace").splitlines()[-lines:]
            parts.append(f"--- {path.stem}\n" + "\n".join(end))
        return "\n".join(parts)


def wait_until(condition: Callable[[], Found], *, within: float, what: str) -> Found:
    """Asks until the answer is true and returns it."""
    until = time.monotonic() + within
    while True:
        began = time.monotonic()
        if found := condition():
            return found
        now = time.monotonic()
        assert now < until, f"not in {within} s: {what}"
        # What is costly to ask, as of ten thousand rows, is asked less often.
        time.sleep(min(max(0.05, 3 * (now - began)), 0.5))
