"""One installation that all tests of this folder share. What a test kills of it is started again for the next."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.broker.installation import Databases, Installation

LOST_MESSAGE_SECONDS = 2
LEADER_LEASE_SECONDS = 4

_open: list[Installation] = []  # whose logs belong to a failure


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    if not os.environ.get("DATABASE_URL") or not os.environ.get("BROKER_URL"):
        _cannot_run("DATABASE_URL and BROKER_URL are not set: run bin/test broker")
    made = Databases(os.environ["DATABASE_URL"], tmp_path_factory.mktemp("template"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def shared(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(
        databases.make("shared"),
        os.environ["BROKER_URL"],
        namespace("shared"),
        tmp_path_factory.mktemp("shared"),
        LOST_MESSAGE_SECONDS=str(LOST_MESSAGE_SECONDS),
        LEADER_LEASE_SECONDS=str(LEADER_LEASE_SECONDS),
        MAX_WORKER_LOSSES="2",
    )
    with opened(installation):
        yield installation


@pytest.fixture
def installation(shared: Installation) -> Installation:
    shared.start()
    return shared


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A file in which the sample types leave a trace outside the database."""
    path = tmp_path / "ledger"
    path.touch()
    return path


@contextmanager
def opened(installation: Installation) -> Iterator[None]:
    _open.append(installation)
    try:
        yield
    finally:
        installation.close()
        _open.remove(installation)


def namespace(word: str) -> str:
    # `bin/services stop` deletes what begins with its namespace, should we not get to it.
    return f"{os.environ.get('BROKER_NAMESPACE', 'taskyard-tests')}_{word}"


def _cannot_run(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for installation in _open:
            report.sections.append((f"logs of {installation.namespace}", installation.processes.logs()))
    return report
