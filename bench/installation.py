"""A Taskyard of the benchmark's own: a database and a namespace, and the processes that a measure needs.

Django's settings are read when it is opened, and not before: they come from the environment that is made here.
"""

import contextlib
import logging
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from bench import stopping
from bench.processes import ROOT, BenchFailed, Processes, output_of
from tests.servers import free_ports

Mode = Literal["full", "embedded"]
Part = Literal["engine", "web", "slow server"]

POOL_PROCESSES = 2  # of each worker
START_WITHIN = 40.0  # seconds

_BIN = Path(sys.executable).parent
_SERVERS = ("DATABASE_URL", "BROKER_URL", "BROKER_NAMESPACE")


class Installation:
    """What the measures run on. Nothing of it is there before `open_installation` and after its end."""

    def __init__(self, mode: Mode, home: Path) -> None:
        self.mode: Mode = mode
        self.home = home
        self.submitter, self.password = "bench", secrets.token_urlsafe(12)
        self.web_url = self.slow_url = ""
        self._pool_processes = POOL_PROCESSES
        self.processes = Processes(home / "log")
        self._parts: set[Part] = set()

    def run_only(self, parts: set[Part]) -> None:
        """Ends the parts that are not named and starts those that are missing. Returns when all of them are ready."""
        if self._parts - parts:
            self.processes.stop()
            self._parts.clear()
        for part in sorted(parts - self._parts):
            {"engine": self._start_engine, "web": self._start_web, "slow server": self._start_slow_server}[part]()
            self._parts.add(part)

    def restart(self, parts: set[Part], *, pool_processes: int = POOL_PROCESSES) -> None:
        """Ends whatever runs and starts these parts anew, the workers with so many pool processes each."""
        self.run_only(set())
        self._pool_processes = pool_processes
        self.run_only(parts)

    def _start_engine(self) -> None:
        from tasks import database, selectors, topology
        from tasks.models import Leadership
        from tasks.states import Kind

        queues = selectors.queue_names()
        if self.mode == "full":
            workers = {kind.value: [topology.line(queue, kind) for queue in queues] for kind in Kind}
        else:
            workers = {"worker": topology.lines_of(queues)}
        self.processes.start("coordinator", [_BIN / "python", "manage.py", "coordinator"])
        for name, lines in workers.items():
            consumed = ",".join(topology.namespaced(line) for line in lines)
            command: list[str | Path] = [
                _BIN / "celery",
                "-A",
                "config",
                "worker",
                "-n",
                f"{name}@%h",
                "-c",
                str(self._pool_processes),
            ]
            options = ["-Q", consumed, "-l", "INFO", "--without-gossip", "--without-mingle"]  # as bin/up does
            self.processes.start(name, [*command, *options])

        def is_ready() -> bool:
            leads = Leadership.objects.filter(expires_at__gt=database.now(), idle=True).exists()
            return leads and len(selectors.online_worker_names()) == len(workers)

        self.processes.wait_until(is_ready, "the coordinator and the workers are ready", within=START_WITHIN)

    def _start_web(self) -> None:
        import httpx

        from bench import bare_view

        bare_view.make_table()
        (port,) = free_ports(1)
        self.web_url = f"http://127.0.0.1:{port}"
        command: list[str | Path] = [
            _BIN / "uvicorn",
            "bench.web:application",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        self.processes.start("web", [*command, "--lifespan", "off", "--no-access-log"], DATABASE_POOL="true")

        def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(f"{self.web_url}/api/health/live/", timeout=2, trust_env=False).status_code == 200
            return False

        self.processes.wait_until(answers, "the web process answers", within=START_WITHIN)

    def _start_slow_server(self) -> None:
        port_file = self.home / "slow_server_port"
        port_file.unlink(missing_ok=True)
        self.processes.start("slow server", [_BIN / "python", "-m", "bench.slow_server", port_file])
        self.processes.wait_until(port_file.exists, "the slow server listens", within=START_WITHIN)
        self.slow_url = f"http://127.0.0.1:{port_file.read_text()}/"


@contextlib.contextmanager
def open_installation(mode: Mode, *, bulk_limit: int) -> Iterator[Installation]:
    """Makes the database and the namespace, and takes everything away again at the end. Raises BenchFailed."""
    home = Path(tempfile.mkdtemp(prefix="taskyard-bench-"))
    (home / "log").mkdir()
    variables = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "TASKYARD_HOME": str(home),
        "EXTRA_APPS": "tests.sample_app",
        "HTTP_ALLOWED_PRIVATE_HOSTS": "127.0.0.1",
        "BULK_LIMIT": str(bulk_limit),
        "PYTHONUNBUFFERED": "1",
    }
    installation = Installation(mode, home)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        if mode == "full":
            variables |= stack.enter_context(_servers())
        else:
            for name in _SERVERS:
                os.environ.pop(name, None)
        os.environ.update(variables)
        _prepare_database(installation)
        stack.callback(_disconnect)
        stack.callback(installation.processes.stop)
        yield installation


@contextlib.contextmanager
def _servers() -> Iterator[dict[str, str]]:
    """A database and a namespace by bin/services, dropped at the end."""
    services = [_BIN / "python", ROOT / "bin" / "services"]
    code, output = output_of([*services, "start"], within=600)  # it may have to install them
    if code:
        raise BenchFailed("full mode needs PostgreSQL and RabbitMQ (bench/run --mode embedded needs neither)")
    variables = dict(word.split("=", 1) for word in shlex.split(output) if "=" in word)
    try:
        yield variables
    finally:
        environment = {**os.environ, **variables}
        subprocess.run([*services, "stop"], env=environment, timeout=120, start_new_session=True, check=False)


def _prepare_database(installation: Installation) -> None:
    import django

    django.setup()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for each request would tear the progress bar
    from django.contrib.auth.models import Permission, User
    from django.core.management import call_command

    from deploy.local.first_start import declare_broker

    stopping.check()
    call_command("migrate", interactive=False, verbosity=0)
    # No superuser: of those Django asks no permissions, which costs the others a statement.
    submitter = User.objects.create_user(installation.submitter, password=installation.password)
    submitter.user_permissions.set(Permission.objects.filter(content_type__app_label="tasks"))
    declare_broker()


def _disconnect() -> None:
    from django.db import connections

    connections.close_all()
