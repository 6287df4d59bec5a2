"""A PostgreSQL of a test's own."""

import contextlib
import signal
import subprocess
from collections.abc import Sequence

import psycopg

from tests.servers.certificates import Certificates
from tests.servers.own_server import POSTGRES_LOCK_FILE, OwnServer, ServerError
from tests.servers.ports import free_ports


class OwnPostgres(OwnServer):
    """A PostgreSQL cluster; the user postgres needs no password. It syncs nothing: it outlives its own death only.

    With certificates it takes TLS alone, and only from clients that show one of the same authority.
    """

    program = "postgres"
    package = "postgresql"

    def __init__(
        self, *, guarded: bool = True, addresses: Sequence[str] = (), certificates: Certificates | None = None
    ) -> None:
        super().__init__(guarded=guarded)
        self._addresses = addresses  # beside this machine's own
        self.certificates = certificates
        (self.port,) = free_ports(1)
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        if certificates is not None:
            self.url = f"postgres://postgres@localhost:{self.port}/postgres?sslmode=verify-full"
            self.url += f"&sslrootcert={certificates.authority}"
            self.url += f"&sslcert={certificates.client}&sslkey={certificates.client_key}"
            certificates.copy_for_server(self.folder, self.account)
        self.data = self.folder / "data"

    def restart_immediately(self) -> None:
        """Restarts as `pg_ctl -m immediate` does: no goodbye to the clients, no checkpoint, recovery at the start."""
        self._end(self.processes[-1:], signal.SIGQUIT, self.stop_seconds)
        self.start()

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
            with (self.data / "pg_hba.conf").open("a") as rules:
                rules.writelines(f"host all all {address}/24 trust\n" for address in self._addresses)
            if self.certificates is not None:
                (self.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n")
        settings: dict[str, object] = {
            "listen_addresses": ",".join(["127.0.0.1", *self._addresses]),
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "dynamic_shared_memory_type": "mmap",
            "max_connections": 200,
            "logging_collector": "off",
        }
        if self.certificates is not None:
            files = {"ssl_ca_file": "authority.crt", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key"}
            settings |= {"ssl": "on", **{name: str(self.folder / path) for name, path in files.items()}}
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
