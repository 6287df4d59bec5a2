"""One installation for each type of queue, shared by all tests of this folder; what one kills is started for the next.
And a dispatcher of the test's own, in this process."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import kombu
import pytest

from tasks import topology
from tasks.dispatching import Dispatcher
from tasks.leadership import Lead
from tasks.publishing import AmqpPublisher
from tests.broker.installation import Databases, Installation
from tests.servers import OwnRabbitMQ

LOST_MESSAGE_SECONDS = 2
LEADER_LEASE_SECONDS = 4
QUEUE_TYPES = ("classic", "quorum")

_open: list[Installation] = []  # whose logs belong to a failure


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    if not os.environ.get("DATABASE_URL") or not os.environ.get("BROKER_URL"):
        cannot_run("DATABASE_URL and BROKER_URL are not set: run bin/test broker")
    made = Databases(os.environ["DATABASE_URL"], tmp_path_factory.mktemp("template"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session", params=QUEUE_TYPES)
def shared(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    installation = Installation(
        databases.make(request.param),
        os.environ["BROKER_URL"],
        namespace(request.param),
        tmp_path_factory.mktemp(request.param),
        BROKER_QUEUE_TYPE=request.param,
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


@pytest.fixture(scope="module")
def broker() -> Iterator[OwnRabbitMQ]:
    """A node of the module's own, which its tests may stop and kill."""
    with OwnRabbitMQ() as server:
        yield server


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A file in which the sample types leave a trace outside the database."""
    path = tmp_path / "ledger"
    path.touch()
    return path


@pytest.fixture(params=QUEUE_TYPES)
def queue_type(request: pytest.FixtureRequest, settings: Any) -> str:
    """What the queues are that this process itself declares."""
    settings.BROKER_QUEUE_TYPE = request.param
    return str(request.param)


@pytest.fixture
def channel(queue_type: str, settings: Any) -> Iterator[Any]:
    """A channel of our own, in a namespace that is empty before and after."""
    settings.BROKER_NAMESPACE = namespace("dispatch")
    url = settings.BROKER_URL
    with kombu.Connection(url, connect_timeout=4) as connection:
        yield connection.channel()
    with kombu.Connection(url, connect_timeout=4) as connection:
        last = connection.channel()
        for queue in ["dead", "limited", *topology.lines_of(["default", "http", "data", "compensation"])]:
            last.queue_delete(topology.namespaced(queue))
        for exchange in ("tasks", "dlx"):
            last.exchange_delete(topology.namespaced(exchange))


@pytest.fixture
def publisher(channel: Any) -> Iterator[AmqpPublisher]:
    publisher = AmqpPublisher()
    publisher.open(["default"])
    yield publisher
    publisher.close()


@pytest.fixture
def lead(channel: Any, settings: Any) -> Lead:
    settings.LEADER_LEASE_SECONDS = 120  # nobody renews it here, and a busy machine takes its time
    lead = Lead()
    assert lead.acquire()
    return lead


@pytest.fixture
def dispatcher(lead: Lead) -> Iterator[Dispatcher]:
    publisher = AmqpPublisher()
    yield Dispatcher(lead, publisher)
    publisher.close()


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


def cannot_run(reason: str) -> NoReturn:
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
