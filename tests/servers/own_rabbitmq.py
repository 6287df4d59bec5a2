"""A RabbitMQ node of a test's own."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Sequence

import amqp

from tests.servers.certificates import Certificates
from tests.servers.own_server import OwnServer, ServerError
from tests.servers.ports import free_ports


class OwnRabbitMQ(OwnServer):
    """A RabbitMQ node without plugins, with its own name, cookie and port mapper; user guest, password guest.

    With certificates it takes TLS as well, at `tls_port`, and there only from clients that show theirs.
    """

    program = "rabbitmq-server"
    package = "rabbitmq-server"

    def __init__(
        self, *, guarded: bool = True, addresses: Sequence[str] = (), certificates: Certificates | None = None
    ) -> None:
        super().__init__(guarded=guarded)
        self.port, self.tls_port, self._distribution_port, self._mapper_port = free_ports(4)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        self.node = f"taskyard{self.port}@localhost"
        lines = [
            f"listeners.tcp.{number} = {address}:{self.port}"
            for number, address in enumerate(["127.0.0.1", *addresses], start=1)
        ]
        lines += ["disk_free_limit.absolute = 10MB", "log.console = true", "log.file = false"]
        if addresses:
            lines.append("loopback_users = none")
        (self.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        if certificates is not None:
            self._add_tls(certificates)
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "rabbitmq-env.conf").touch()

    def _add_tls(self, certificates: Certificates) -> None:
        certificates.copy_for_server(self.folder, self.account)
        with (self.folder / "rabbitmq.conf").open("a") as file:
            file.write(
                f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}\n"
                f"ssl_options.cacertfile = {self.folder / 'authority.crt'}\n"
                f"ssl_options.certfile = {self.folder / 'server.crt'}\n"
                f"ssl_options.keyfile = {self.folder / 'server.key'}\n"
                "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n"
            )

    def control(self, *arguments: str) -> str:
        """Runs rabbitmqctl on this node and returns what it printed; for alarms, queues and `eval`."""
        command = [str(self.programs / "rabbitmqctl"), "--quiet", "--node", self.node, *arguments]
        done = subprocess.run(
            command, env=self._node_environment(), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise ServerError(f"rabbitmqctl {' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _launch(self) -> None:
        environment = self._node_environment()
        if not self._running:
            # Started by the node itself, the port mapper would run on for ever: it is a process of ours instead.
            self._spawn("epmd", "-address", "127.0.0.1", "-port", str(self._mapper_port), environment=environment)
            self._wait_for_mapper()
        self._spawn(self.programs / "rabbitmq-server", environment=environment)

    def is_running(self) -> bool:
        return len(self._running) > 1 and super().is_running()

    def stop(self) -> None:
        if self.is_running():
            super().stop()

    def kill(self) -> None:
        if self.is_running():
            super().kill()

    def _problem(self) -> str | None:
        try:
            with amqp.Connection(f"127.0.0.1:{self.port}", connect_timeout=2, read_timeout=5, write_timeout=5):
                return None
        except (OSError, amqp.exceptions.AMQPError) as error:
            return f"{type(error).__name__}: {error}"

    def _wait_for_mapper(self) -> None:
        end = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._mapper_port), timeout=1):
                return
            if time.monotonic() > end:
                raise ServerError(f"epmd did not start:\n{self._end_of_log()}")
            time.sleep(0.05)

    def _node_environment(self) -> dict[str, str]:
        folder = self.folder
        return self._environment(
            ERL_EPMD_PORT=str(self._mapper_port),
            ERL_EPMD_ADDRESS="127.0.0.1",
            RUNNING_UNDER_SYSTEMD="true",  # the script then becomes the node, with no shell between it and us
            RABBITMQ_NODENAME=self.node,
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_DIST_PORT=str(self._distribution_port),
            RABBITMQ_CONF_ENV_FILE=str(folder / "rabbitmq-env.conf"),
            RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq"),
            RABBITMQ_ADVANCED_CONFIG_FILE=str(folder / "advanced.config"),
            RABBITMQ_CONFIG_FILES=str(folder / "conf.d"),
            RABBITMQ_GENERATED_CONFIG_DIR=str(folder / "config"),
            RABBITMQ_SCHEMA_DIR=str(folder / "schema"),
            RABBITMQ_MNESIA_BASE=str(folder / "data"),
            RABBITMQ_LOG_BASE=str(folder / "log"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "enabled_plugins"),
            RABBITMQ_PID_FILE=str(folder / "node.pid"),
            # Idle schedulers sleep: looking out for work, they would take processors from the tests.
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=(
                "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
        )
