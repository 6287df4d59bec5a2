"""Threads with connections of their own, over which the machines' moves are made."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.tasks.transitions.machine.machine import Frame

CONNECTIONS = 3


@pytest.fixture(autouse=True)
def _connections(transactional_db: None) -> Iterator[None]:
    Frame.connections = [ThreadPoolExecutor(1) for _ in range(CONNECTIONS)]
    yield
    for each in Frame.connections:
        each.submit(lambda: connection.close()).result()
        each.shutdown()
