"""Taskyard's own server on a port."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import uvicorn
from rest_framework_simplejwt.tokens import AccessToken


@contextmanager
def served() -> Iterator[str]:
    """Serves in a thread of this process, as bin/up does in one of its own. Yields the address."""
    from config.asgi import application  # sets Django up

    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, lifespan="off", access_log=False, log_level="critical", ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    answers = logging.getLogger("django.request")
    level = answers.level
    answers.setLevel(logging.ERROR)  # each refusal is a warning; and to set Django up has set it anew
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()
    answers.setLevel(level)


def token_of(user: Any) -> str:
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(days=1))
    return str(token)
