"""A PgBouncer of a test's own, before a PostgreSQL that runs already."""

import signal
from urllib.parse import unquote, urlsplit

import psycopg

from tests.servers.own_server import OwnServer
from tests.servers.ports import free_ports


class OwnPgBouncer(OwnServer):
    """A pool in transaction mode, with fewer connections to the server than an installation has to it."""

    program = "pgbouncer"
    package = "pgbouncer"

    def __init__(self, server_url: str, *, guarded: bool = True) -> None:
        super().__init__(guarded=guarded)
        (self.port,) = free_ports(1)
        self.url = self.url_of(server_url)
        parts = urlsplit(server_url)
        user, password = unquote(parts.username or "postgres"), unquote(parts.password or "")
        (self.folder / "users").write_text(f'"{user}" "{password}"\n')
        (self.folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={parts.hostname} port={parts.port or 5432}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {self.folder / 'users'}\nadmin_users = {user}\n"
            "pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 200\n"
        )

    def url_of(self, server_url: str) -> str:
        """Returns the address of the server's database as it is reached through this one."""
        parts = urlsplit(server_url)
        login = parts.netloc.rpartition("@")[0] or "postgres"
        return parts._replace(netloc=f"{login}@127.0.0.1:{self.port}").geturl()

    def clients_of(self, database: str) -> int:
        """Returns how many connections there are to it for this database."""
        admin = urlsplit(self.url)._replace(path="/pgbouncer").geturl()
        with psycopg.connect(admin, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
            cursor = connection.execute("SHOW CLIENTS")
            assert cursor.description is not None
            column = [each.name for each in cursor.description].index("database")
            return [row[column] for row in cursor.fetchall()].count(database)

    def _launch(self) -> None:
        self._spawn(self.programs / "pgbouncer", self.folder / "pgbouncer.ini", environment=self._environment())

    def _problem(self) -> str | None:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.Error as error:
            return str(error)
        return None

    def _stop_signal(self) -> signal.Signals:
        return signal.SIGTERM
