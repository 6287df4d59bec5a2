"""The connections to RabbitMQ that Celery does not make: one place for their address, TLS and timeouts."""

from typing import Any

from django.conf import settings
from kombu import Connection

CONNECT_TIMEOUT = 4.0  # seconds


def new_connection(*, socket_timeout: float, **callbacks: Any) -> Any:
    """Returns a connection that is not open yet. It sends no heartbeats: each use of it is bounded by the timeout.

    `callbacks` are py-amqp's: `on_blocked`, `on_unblocked`.
    """
    return Connection(
        settings.BROKER_URL,
        ssl=settings.BROKER_TLS or False,
        connect_timeout=CONNECT_TIMEOUT,
        heartbeat=0,
        transport_options={"read_timeout": socket_timeout, "write_timeout": socket_timeout, **callbacks},
    )


def connect(connection: Any) -> None:
    """Opens it. Raises OSError, or an error of the connection's own, at the first failure."""
    # Not kombu's `connect`: that one sleeps for 2 s and tries again, and the caller would stand still meanwhile.
    connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
