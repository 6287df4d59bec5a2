"""A pool process to execute tasks in, types of a test's own, and a dispatcher with a broker of its own."""

import faulthandler
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.celery import app
from tasks import registry
from tasks.embedded_broker import Transport
from tasks.states import Kind
from tests.sample_app.handlers import AT_ONCE, Anything
from tests.tasks.desk import Desk
from tests.tasks.pool_process import PoolProcess
from tests.tasks.rows import queues


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
        registry.handler(names[-1], payload=Anything, retry=AT_ONCE, **options)(function)
        return names[-1]

    registry.load()
    yield add
    registry._handlers.clear()
    registry._handlers.update(known)


@pytest.fixture
def embedded(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Makes this process use a filesystem broker of its own, whatever the environment names."""
    settings.EMBEDDED_BROKER = True
    settings.BROKER_FOLDER = tmp_path / "broker"
    folders = {"data_folder_in": "messages", "data_folder_out": "messages", "processed_folder": "taken"}
    options = {name: str(settings.BROKER_FOLDER / folder) for name, folder in folders.items()}
    options["control_folder"] = str(settings.BROKER_FOLDER / "control")
    names = ("broker_url", "broker_transport_options")
    before = {name: getattr(app.conf, name) for name in names}
    app.conf.update(broker_url="taskyard-files://", broker_transport_options=options)
    Transport.global_state.clear()  # it believes that what was bound once is bound in every folder
    yield settings.BROKER_FOLDER
    app.conf.update(before)
    Transport.global_state.clear()


@pytest.fixture
def desk(db: None, embedded: Path) -> Iterator[Desk]:
    queues("default", "http")
    desk = Desk(embedded)
    yield desk
    desk.dispatcher._close_broker()
