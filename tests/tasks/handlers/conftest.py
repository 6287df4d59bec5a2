"""Servers on 127.0.0.1 that tasks may reach."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.tasks.handlers.http_server import Site, SocketServer


@pytest.fixture
def site(settings: Any) -> Iterator[Site]:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    site = Site()
    yield site
    site.close()


@pytest.fixture
def other_site(site: Site) -> Iterator[Site]:
    other = Site()
    yield other
    other.close()


@pytest.fixture
def socket_server(settings: Any) -> Iterator[Callable[..., SocketServer]]:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    servers: list[SocketServer] = []

    def start(*args: Any, **kwargs: Any) -> SocketServer:
        servers.append(SocketServer(*args, **kwargs))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
