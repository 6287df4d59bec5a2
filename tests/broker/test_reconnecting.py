"""Workers without their broker or their database: one line a try, growing pauses with a ceiling, no end of trying."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.broker.conftest import namespace, opened
from tests.broker.installation import Databases, Installation
from tests.broker.processes import wait_until
from tests.servers import OwnPostgres, OwnRabbitMQ

pytestmark = pytest.mark.broker

WORKERS = ("plain", "async")
BACK_WITHIN = 20
BROKER_TRY = re.compile(r"Cannot connect to amqp.*?\nTrying again in ([\d.]+) seconds")
DATABASE_TRY = re.compile(r"the database does not answer, again in ([\d.]+) s: (.*)")


@pytest.fixture(scope="module")
def database() -> Iterator[OwnPostgres]:
    with OwnPostgres() as server:
        yield server


@pytest.fixture(scope="module")
def installation(
    broker: OwnRabbitMQ, database: OwnPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    databases = Databases(database.url, tmp_path_factory.mktemp("template"))
    made = Installation(
        databases.make("reconnecting"), broker.url, namespace("reconnecting"), tmp_path_factory.mktemp("reconnecting")
    )
    with opened(made):
        made.start()
        yield made
    with suppress(psycopg.Error):
        databases.close()  # its connection was cut in the outage; what it made goes with the server


def log_of(installation: Installation, name: str, since: int = 0) -> str:
    return (installation.home / "log" / f"{name}.log").read_text(errors="replace")[since:]


def ends_of_logs(installation: Installation) -> dict[str, int]:
    return {name: len(log_of(installation, name)) for name in WORKERS}


def await_pauses(installation: Installation, pattern: re.Pattern[str], since: dict[str, int], longest: float) -> None:
    """Waits until each worker has come to its longest pause twice; on the way there the pauses grow."""
    for name in WORKERS:

        def pauses(name: str = name) -> list[float]:
            return [float(found[0]) for found in pattern.findall(log_of(installation, name, since[name]))]

        wait_until(lambda: pauses().count(longest) >= 2, within=60, what=f"{name} tries each {longest} s")
        assert max(pauses()) == longest


def await_work(installation: Installation) -> None:
    began = time.monotonic()
    ids = installation.submit_all([{"type": kind, "payload": {}} for kind in ("sample.noop", "sample.async_noop")] * 20)
    assert installation.await_ended(ids, within=BACK_WITHIN) == {"completed": 40}
    assert time.monotonic() - began < BACK_WITHIN


def test_a_worker_whose_broker_goes_away_tries_each_two_seconds_until_it_is_back(
    installation: Installation, broker: OwnRabbitMQ
) -> None:
    await_work(installation)
    pids, since = {name: installation.processes.running[name].pid for name in WORKERS}, ends_of_logs(installation)
    broker.stop()
    await_pauses(installation, BROKER_TRY, since, longest=2.0)
    broker.start()
    await_work(installation)
    assert {name: installation.processes.running[name].pid for name in WORKERS} == pids
    for name in WORKERS:
        assert "Traceback" not in log_of(installation, name, since[name])


def test_a_worker_that_is_started_without_its_broker_waits_for_it(
    installation: Installation, broker: OwnRabbitMQ
) -> None:
    installation.processes.signal(signal.SIGTERM, *WORKERS)
    installation.processes.await_end(*WORKERS, within=20)
    broker.stop()
    since = ends_of_logs(installation)
    for name in WORKERS:
        installation.start_worker(name, [f"{queue}.{name}" for queue in ("default", "http", "data")])
    await_pauses(installation, BROKER_TRY, since, longest=2.0)
    broker.start()
    await_work(installation)
    for name in WORKERS:
        assert installation.processes.is_alive(name)
        assert "Traceback" not in log_of(installation, name, since[name])


def test_a_worker_whose_database_goes_away_tries_with_growing_pauses_until_it_is_back(
    installation: Installation, database: OwnPostgres, ledger: Path
) -> None:
    pids, since = {name: installation.processes.running[name].pid for name in WORKERS}, ends_of_logs(installation)
    running = [
        installation.submit(kind, {"seconds": 4, "ledger": str(ledger)})
        for kind in ("sample.work", "sample.async_work")
    ]
    installation.await_status("processing", running, within=20)
    database.stop()
    await_pauses(installation, DATABASE_TRY, since, longest=5.0)
    database.start()
    installation.reconnect()
    # What ran all the while is recorded when it is back, or repeated if its lease ran out meanwhile.
    assert installation.await_ended(running, within=60) == {"completed": 2}
    await_work(installation)
    assert {name: installation.processes.running[name].pid for name in WORKERS} == pids
    for name in WORKERS:
        text = log_of(installation, name, since[name])
        assert "Traceback" not in text
        # One line a try, for each of the two processes.
        tries = DATABASE_TRY.findall(text)
        assert all(why for _, why in tries)
        assert len(text.splitlines()) < 2 * len(tries) + 10
