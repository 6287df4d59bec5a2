"""Messages that tests send by themselves, past the dispatcher."""

import uuid
from typing import Any

from tests.broker.installation import Installation

EXECUTE = "taskyard.execute"


def publish(
    installation: Installation,
    body: bytes | str,
    headers: dict[str, Any] | None = None,
    *,
    line: str = "",
    content_type: str = "application/json",
) -> None:
    """Sends what we like to a line's queue, or by default to the dead queue."""
    exchange, key = (f"{installation.namespace}.tasks", line) if line else ("", f"{installation.namespace}.dead")
    with installation.channel() as channel:
        message = channel.prepare_message(
            body, headers=headers or {}, content_type=content_type, content_encoding="utf-8"
        )
        channel.basic_publish(message, exchange, key)


def await_taken_in(installation: Installation) -> None:
    """Waits until what was in the dead queue has been taken in."""
    marker = str(uuid.uuid4())
    publish(installation, marker)
    installation.await_row(
        "SELECT 1 FROM tasks_deadletter WHERE body = %s", [marker], within=30, what="all is taken in"
    )
