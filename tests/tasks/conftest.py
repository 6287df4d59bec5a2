"""A pool process to execute tasks in, and types of a test's own."""

import faulthandler
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasks import registry
from tasks.states import Kind
from tests.sample_app.handlers import AT_ONCE, Anything
from tests.tasks.pool_process import PoolProcess


@pytest.fixture
def start_process(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], PoolProcess]]:
    """Starts pool processes with the settings of the moment; they end with the test."""
    # It ends the process when a lease is not renewed in time: here that is the tests' own.
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda *args, **kwargs: None)
    started: list[PoolProcess] = []

    def start() -> PoolProcess:
        started.append(PoolProcess())
        return started[-1]

    yield start
    for process in started:
        process.end()


@pytest.fixture
def process(start_process: Callable[[], PoolProcess]) -> PoolProcess:
    return start_process()


@pytest.fixture
def quick_leases(settings: Any) -> None:
    """Leases that are renewed each 0.17 s."""
    settings.LEASE_SECONDS = 1


@pytest.fixture
def add_type() -> Iterator[Callable[..., str]]:
    """Registers a function as a type for the test and returns the type's name."""
    known = dict(registry._handlers)
    names: list[str] = []

    def add(function: Callable[..., Any], **options: Any) -> str:
        kind = Kind.ASYNC if "async" in function.__name__ else Kind.PLAIN
        names.append(f"test.{kind}.{len(names)}")
        registry.handler(names[-1], **{"payload": Anything, "retry": AT_ONCE} | options)(function)
        return names[-1]

    registry.load()
    yield add
    registry._handlers.clear()
    registry._handlers.update(known)
