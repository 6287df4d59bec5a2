"""A process that has imported what Taskyard's programs are built on, and forks to become one: in a third of the time.

Settings are read after the fork, from the environment of each: nothing of Taskyard's own is imported before.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv" / "bin"

# None of these reads Django's settings when it is imported.
_LIBRARIES = (
    "asgiref.sync", "celery.bin.celery", "celery.concurrency.prefork", "celery.fixups.django", "celery.worker",
    "celery.worker.consumer", "celery.worker.strategy", "certifi", "charset_normalizer", "cron_descriptor",
    "dj_database_url", "django.core.handlers.asgi", "django.core.management",
    "django.db.backends.postgresql.psycopg_any", "django.db.models", "django.forms", "django.template.defaulttags",
    "django.views.debug", "httpcore", "httpx", "importlib.metadata", "jsonschema", "jwt", "kombu.transport.pyamqp",
    "psycopg_binary", "psycopg_pool", "pydantic", "pydantic.json_schema", "pydantic.networks", "requests",
    "structlog", "tzdata", "uritemplate", "urllib3", "uuid_utils.compat", "uvicorn.lifespan.off",
    "uvicorn.loops.auto", "uvicorn.main", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto",
)  # fmt: skip


class Born:
    """A process that the nursery became; to be used like a `subprocess.Popen`."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid, self._nursery = pid, nursery
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._nursery.code_of(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        until = time.monotonic() + (3600 if timeout is None else timeout)
        while (code := self.poll()) is None:
            if time.monotonic() >= until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The test's end. Everything that is born carries the environment that the nursery was started with."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [BIN / "python", "-m", "tests.broker.nursery"],
                env=environment, cwd=ROOT, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    def become(self, command: Sequence[str], environment: dict[str, str], log: int) -> Born:
        """Returns a process that runs the command, a program of the virtual environment, and writes to the log."""
        return Born(self, self._ask({"command": list(command), "environment": environment}, [log]))

    def code_of(self, pid: int) -> int | None:
        """Returns how the process ended, negative for a signal, and None while it runs."""
        try:
            code: int | None = self._ask({"pid": pid}, [])
        except OSError:
            return -signal.SIGKILL  # the nursery is gone, and so is whatever carried its mark
        return code

    def close(self) -> None:
        self._socket.close()
        self._process.kill()
        self._process.wait(5)

    def _ask(self, request: dict[str, Any], descriptors: list[int]) -> Any:
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
            answer = self._socket.recv(1000)
        if not answer:
            raise ConnectionResetError("the nursery has ended")
        return json.loads(answer)


def main() -> None:
    for name in _LIBRARIES:
        importlib.import_module(name)
    # Read here, settings would be those of all that is born.
    assert not sys.modules["django.conf"].settings.configured
    gc.freeze()
    with socket.socket(fileno=0) as link:
        while True:
            message, descriptors, _, _ = socket.recv_fds(link, 1_000_000, 1)
            if not message:
                return
            request = json.loads(message)
            if "pid" in request:
                pid, status = os.waitpid(request["pid"], os.WNOHANG)
                answer = os.waitstatus_to_exitcode(status) if pid else None
            else:
                answer = os.fork()
                if not answer:
                    link.detach()
                    _become(request["command"], request["environment"], *descriptors)
                os.close(descriptors[0])
            link.send(json.dumps(answer).encode())


def _become(command: list[str], environment: dict[str, str], log: int) -> None:
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, number in ((nothing, 0), (log, 1), (log, 2)):  # 0 was the link
        os.dup2(descriptor, number)
    os.closerange(3, max(nothing, log) + 1)
    os.environ.clear()
    os.environ.update(environment)
    _run(command)
    sys.exit()


def _run(command: list[str]) -> None:
    program, *arguments = command
    if program == "python":
        program, *arguments = arguments
        if program == "-m":
            module, *arguments = arguments
            sys.argv = [module, *arguments]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            return
        sys.argv = [program, *arguments]
        sys.path[0] = str(ROOT)
        runpy.run_path(str(ROOT / program), run_name="__main__")
        return
    sys.argv = [str(BIN / program), *arguments]
    if program == "celery":
        importlib.import_module("celery.__main__").main()
    else:
        importlib.import_module(f"{program}.main").main()


if __name__ == "__main__":
    main()
