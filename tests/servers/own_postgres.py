"""A PostgreSQL of a test's own."""

import contextlib
import signal
import subprocess

import psycopg

from tests.servers.own_server import POSTGRES_LOCK_FILE, OwnServer, ServerError
from tests.servers.ports import free_ports


class OwnPostgres(OwnServer):
    """A PostgreSQL cluster; the user postgres needs no password. It syncs nothing: it outlives its own death only."""

    program = "postgres"
    package = "postgresql"

    def __init__(self, *, guarded: bool = True) -> None:
        super().__init__(guarded=guarded)
        (self.port,) = free_ports(1)
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self.data = self.folder / "data"

    def _launch(self) -> None:
        environment = self._environment()
        if not self.data.exists():
            user, group = self.account or (None, None)
            options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
            made = subprocess.run(
                [str(self.programs / "initdb"), "-D", str(self.data), *options],
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
            )
            if made.returncode:
                raise ServerError(f"initdb failed:\n{made.stdout[-1000:]}{made.stderr[-2000:]}")
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "dynamic_shared_memory_type": "mmap",
            "max_connections": 200,
            "logging_collector": "off",
        }
        switches = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self._spawn(self.programs / "postgres", "-D", self.data, *switches, environment=environment)

    def _problem(self) -> str | None:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.Error as error:
            return str(error)
        return None

    def _stop_signal(self) -> signal.Signals:
        return signal.SIGINT  # "fast": does not wait for the clients

    def _clean_up(self) -> None:
        with contextlib.suppress(OSError, IndexError):
            segment = (self.folder / POSTGRES_LOCK_FILE).read_text().splitlines()[6].split()[1]
            subprocess.run(["ipcrm", "-m", segment], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
