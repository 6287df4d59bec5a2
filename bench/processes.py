"""Processes of the benchmark's own: each in a session of its own, and ended whatever happens."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import stopping

ROOT = Path(__file__).resolve().parents[1]
STOP_WITHIN = 15.0  # seconds


class BenchFailed(Exception):
    """What keeps the benchmark from measuring; one line, or a few with the end of a log."""


class Processes:
    """Starts and ends processes by name. Their sessions keep Ctrl-C from them: they end in one way, by `stop`."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def running(self) -> bool:
        return bool(self._running)

    def start(self, name: str, command: Sequence[str | Path], **variables: str) -> "subprocess.Popen[bytes]":
        with open(self._logs / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=ROOT,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[name] = process
        return process

    def stop(self, names: Sequence[str] | None = None) -> None:
        """Asks the named ones (all) to end, and kills what has not ended in time with everything it started."""
        ending = {name: process for name, process in self._running.items() if names is None or name in names}
        for process in ending.values():
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + STOP_WITHIN
        for name, process in ending.items():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also a child that outlived its parent
            process.wait()
            del self._running[name]

    def check(self) -> None:
        """Raises BenchFailed where one has ended by itself."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise BenchFailed(f"{name} ended with code {process.returncode}:\n{self.log_end(name)}")

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def cpu_seconds(self, *names: str) -> float:
        """Returns the CPU time that the named ones (all) and their children have used, as far as those still run."""
        sessions = {process.pid for name, process in self._running.items() if not names or name in names}
        ticks = 0
        for entry in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # Behind the name, which may hold anything (proc(5)): the fourth is the session, then come the times.
                fields = entry.read_text().rpartition(")")[2].split()
                if int(fields[3]) in sessions:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def log_end(self, name: str, lines: int = 12) -> str:
        text = (self._logs / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(text[-lines:])

    def wait_until(self, is_true: Callable[[], bool], what: str, *, within: float, every: float = 0.05) -> None:
        """Waits for something that these processes do. Raises BenchFailed when one of them ends, or in the end."""
        until = time.monotonic() + within
        while not is_true():
            self.check()
            if time.monotonic() > until:
                logs = "\n".join(f"--- {name}\n{self.log_end(name, 5)}" for name in self._running)
                raise BenchFailed(f"{what}: not within {within:g} s\n{logs}")
            stopping.sleep(every)


def output_of(command: Sequence[str | Path], *, within: float, **variables: str) -> tuple[int, str]:
    """Runs a program of its own session and returns its code and what it printed. Raises BenchFailed, Stopped."""
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + within
    try:
        while time.monotonic() < until:
            with contextlib.suppress(subprocess.TimeoutExpired):
                output, _ = process.communicate(timeout=0.2)
                return process.returncode, output
            stopping.check()
        raise BenchFailed(f"{Path(command[1]).name} did not end within {within:g} s")
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)
