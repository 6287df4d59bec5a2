"""What the servers of a test's own have in common: programs, a folder, a process group, a guard, a log."""

import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from tests.servers import debian

POSTGRES_LOCK_FILE = (
    "data/postmaster.pid"  # PostgreSQL's; its seventh line names the shared memory that a kill leaves behind
)
_PROGRAMS = {
    "postgres": ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"),
    "pgbouncer": ("/usr/sbin", "/usr/bin"),
    # The directory of the real scripts: those in /usr/sbin change the user and with it HOME, where the cookie lies.
    "rabbitmq-server": ("/usr/lib/rabbitmq/bin",),
}


class ServerError(RuntimeError):
    """A server did not start, or did not end; the message carries the end of its log."""


def programs_of(server: str) -> Path | None:
    """Returns the folder that holds `postgres` or `rabbitmq-server`, the newest where there are several."""
    folders = [path for pattern in _PROGRAMS[server] for path in glob.glob(pattern)]
    folders.sort(key=lambda path: [int(digits) for digits in path.split("/") if digits.isdigit()], reverse=True)
    on_path = shutil.which(server) if server == "postgres" else None
    for folder in [*folders, *([os.path.dirname(on_path)] if on_path else [])]:
        if os.access(os.path.join(folder, server), os.X_OK):
            return Path(folder)
    return None


class OwnServer:
    """What both servers share: a folder, processes that end with us, and start, stop, kill, restart.

    A context manager starts the server and removes every trace of it. With `guarded=False` the server outlives this
    process, and whoever started it ends it by `processes`.
    """

    program: str
    package: str
    port: int
    url: str
    start_seconds = 60
    stop_seconds = 20

    def __init__(self, *, guarded: bool = True) -> None:
        programs = programs_of(self.program)
        if programs is None:
            debian.install(self.package)
            programs = programs_of(self.program)
        if programs is None:
            _skip_or_fail(f"{self.program} is not installed here (Debian's package {self.package} has it)")
        self.programs = programs
        self.guarded = guarded
        self.account = _account_for(self.program)
        self.folder = _own_folder(self.program, self.account)
        self.log = self.folder / "server.log"
        self._running: list[tuple[subprocess.Popen[bytes], subprocess.Popen[bytes] | None]] = []

    # --- What a test does with it

    def start(self) -> Self:
        """Starts the server and returns when it takes connections."""
        if not self.is_running():
            self._launch()
        self.wait_ready()
        return self

    def stop(self) -> None:
        """Shuts the server down in its orderly way; what it stored stays for the next start."""
        self._end(self.processes[-1:], self._stop_signal(), self.stop_seconds)

    def kill(self) -> None:
        """Ends the server as a power cut would, with no chance to write or to say good-bye."""
        self._end(self.processes[-1:], signal.SIGKILL, self.stop_seconds)

    def restart(self) -> None:
        self.stop()
        self.start()

    def wait_ready(self, seconds: float | None = None) -> None:
        """Returns when the server takes connections; raises ServerError when it ends, or is not ready in time."""
        limit = self.start_seconds if seconds is None else seconds
        end = time.monotonic() + limit
        while True:
            problem = self._problem()
            if problem is None:
                return
            if not self.is_running():
                raise ServerError(f"{self.program} ended while it started:\n{self._end_of_log()}")
            if time.monotonic() > end:
                raise ServerError(f"{self.program} is not ready after {limit} s: {problem}\n{self._end_of_log()}")
            time.sleep(0.1)

    def is_running(self) -> bool:
        return bool(self._running) and self._running[-1][0].poll() is None

    def close(self) -> None:
        """Ends everything that was started and removes the folder. Can be called twice."""
        with contextlib.suppress(ServerError):
            self.kill()
        self._end(self.processes, signal.SIGKILL, self.stop_seconds)
        self._clean_up()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def processes(self) -> list[int]:
        """The running processes, each the leader of its group, the server itself last."""
        return [process.pid for process, _ in self._running if process.poll() is None]

    # --- What each server knows

    def _launch(self) -> None:
        raise NotImplementedError

    def _problem(self) -> str | None:
        """Tries to connect and returns why that failed."""
        raise NotImplementedError

    def _stop_signal(self) -> signal.Signals:
        return signal.SIGTERM

    def _clean_up(self) -> None:
        """Frees what outlives the processes."""

    # --- Processes

    def _spawn(self, *command: str | Path, environment: dict[str, str]) -> None:
        user, group = self.account or (None, None)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
            )
        guard = _guard(process.pid, self.folder) if self.guarded else None
        self._running.append((process, guard))

    def _end(self, pids: list[int], number: signal.Signals, seconds: float) -> None:
        for pid in pids:
            children = _children(pid)
            with contextlib.suppress(ProcessLookupError):
                if number == signal.SIGKILL:
                    os.killpg(pid, number)
                else:
                    os.kill(pid, number)
            if number == signal.SIGKILL:
                for child in children:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, number)
        for process, guard in [entry for entry in self._running if entry[0].pid in pids]:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                raise ServerError(f"{self.program} did not end in {seconds} s:\n{self._end_of_log()}") from None
            _wait_for_group(process.pid, seconds)
            if guard is not None:
                guard.communicate(b"done\n")
            self._running.remove((process, guard))

    def _environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "RABBITMQ_", "ERL_"))}
        return {**kept, "HOME": str(self.folder), "LC_ALL": "C.UTF-8", **more}

    def _end_of_log(self) -> str:
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
        except OSError as error:
            return f"(its log cannot be read: {error.strerror})"


def _skip_or_fail(reason: str) -> NoReturn:
    import pytest  # bin/services uses this module outside a test

    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _account_for(program: str) -> tuple[int, int] | None:
    """PostgreSQL and PgBouncer refuse to run as root: they run as PostgreSQL's user then."""
    if program == "rabbitmq-server" or os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return user.pw_uid, user.pw_gid
    raise ServerError(f"{program} does not run as root, and there is neither a user postgres nor nobody")


def _own_folder(program: str, account: tuple[int, int] | None) -> Path:
    parent = Path(tempfile.gettempdir()).resolve()
    if account and not all(path.stat().st_mode & 0o001 for path in (parent, *parent.parents)):
        parent = Path("/tmp")  # the other user could not get into ours
    folder = Path(tempfile.mkdtemp(prefix=f"taskyard-{program}-", dir=parent))
    if account:
        os.chown(folder, *account)
    return folder


def _guard(group: int, folder: Path) -> subprocess.Popen[bytes]:
    """Starts a shell that ends the process group and removes the folder when our end of its pipe closes unannounced."""
    script = (
        'read -r word; [ "$word" = done ] && exit; kill -s KILL -- "-$1"; sleep 1; folder=$2; '
        f'set -- $(sed -n 7p "$folder/{POSTGRES_LOCK_FILE}"); [ -z "$2" ] || ipcrm -m "$2"; rm -rf -- "$folder"'
    )
    return subprocess.Popen(
        ["/bin/sh", "-c", script, "guard", str(group), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _children(pid: int) -> list[int]:
    """PostgreSQL's backends each lead a session of their own: a kill of the group does not reach them."""
    try:
        lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for text in lists for child in text.split()]


def _wait_for_group(group: int, seconds: float) -> None:
    """Zombies count as gone: whether somebody reaps them is not our business."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(True for _ in _members(group)):
        time.sleep(0.02)


def _members(group: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _parent, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                yield int(path.parent.name)
