"""An export as the web server sends it: piece by piece, and never with an end that it does not have."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from rest_framework_simplejwt.tokens import RefreshToken

from config.asgi import Handler
from tasks.api.cursors import Cursor
from tasks.exporting import rows
from tests.tasks.rows import a_task
from tests.tasks.sheets import READERS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def ask(token: str, on_message: Callable[[dict[str, Any]], None]) -> None:
    """Asks for all tasks as CSV. What the server is given to send comes as soon as it is."""
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/api/tasks/export/", "query_string": b"", "headers": headers}
    asked = iter([{"type": "http.request"}])

    async def receive() -> Any:
        return next(asked, None) or await asyncio.Event().wait()  # the reader stays

    async def send(message: Any) -> None:
        on_message(message)

    asyncio.run(Handler()(scope, receive, send))


# Where an answer breaks off, Django leaves the file that holds the request's body to the collector.
@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")
def test_it_is_sent_as_it_is_read_and_breaks_off_where_a_read_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "FIRST", 2)
    monkeypatch.setattr(rows, "LARGEST", 2)
    made = [a_task() for _ in range(5)]
    token = str(RefreshToken.for_user(User.objects.create(username="root", is_superuser=True)).access_token)
    messages: list[dict[str, Any]] = []
    ask(token, messages.append)
    start, *parts = messages
    assert start["status"] == 200
    assert b"content-length" not in {name.lower() for name, _ in start["headers"]}
    bodies = [part["body"] for part in parts if part.get("body")]
    assert len(bodies) == 3
    assert {row["id"] for row in READERS["csv"](b"".join(bodies))} == {str(task.id) for task in made}
    assert not parts[-1].get("more_body")

    def breaks(*args: Any) -> Any:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(Cursor, "rows", breaks)
    messages.clear()
    with pytest.raises(OperationalError):
        ask(token, messages.append)
    # The last message never came: uvicorn then closes the connection in the midst of the answer.
    assert [message.get("more_body") for message in messages] == [None, True]
