"""Workers that are cut off in silence, from the broker or from the database, while others go on beside them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.broker.conftest import opened
from tests.broker.installation import Databases, Installation
from tests.broker.load import Load, lasting
from tests.broker.network import Link, Place
from tests.broker.processes import wait_until
from tests.servers import OwnPostgres, OwnRabbitMQ

pytestmark = pytest.mark.broker

LEASE = 6
RECOVERY = 60
FAR = ("far-plain", "far-async")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    made = Place(links=2)
    yield made
    made.close()


@pytest.fixture(scope="module")
def installation(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One with two workers here and two in the other place, on the same lines."""
    to_broker, to_database = place.links
    with (
        OwnPostgres(addresses=[to_database.here]) as postgres,
        OwnRabbitMQ(addresses=[to_broker.here]) as rabbitmq,
    ):
        databases = Databases(postgres.url, tmp_path_factory.mktemp("template"))
        made = Installation(
            databases.make("cut"),
            rabbitmq.url,
            "cut",
            tmp_path_factory.mktemp("cut"),
            LEASE_SECONDS=str(LEASE),
            LOST_MESSAGE_SECONDS="2",
        )
        with opened(made):
            made.start()
            for name in FAR:
                made.start_worker(
                    name,
                    [f"default.{name.rpartition('-')[2]}"],
                    prefix=place.prefix,
                    DATABASE_URL=at(made.database_url, to_database.here),
                    BROKER_URL=at(made.broker_url, to_broker.here),
                )
            made.await_online(*FAR)
            yield made
        databases.close()


def at(url: str, address: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.replace("127.0.0.1", address)).geturl()


@contextmanager
def cut(link: Link) -> Iterator[None]:
    link.cut()
    try:
        yield
    finally:
        link.heal()


def test_workers_cut_off_from_the_broker_finish_what_they_have_and_come_back(
    installation: Installation, place: Place, ledger: Path
) -> None:
    to_broker, _ = place.links
    with lasting(installation):
        with Load(installation, ledger) as load:
            held = held_there(installation, load, ledger, seconds=4)
            with cut(to_broker):
                wait_until(lambda: all(lost_broker(installation, name) for name in FAR), within=40, what="they notice")
                installation.await_status("completed", held, within=20)
                load.await_completed(60, within=RECOVERY)
            await_work_there(installation)
        load.assert_all_completed(within=RECOVERY)
    # Their leases went on: nobody else had to begin them again.
    assert [installation.attempts(task) for task in held] == [[(1, "completed", "")]] * len(held)


def test_workers_cut_off_from_the_database_stop_before_others_begin_and_come_back(
    installation: Installation, place: Place, ledger: Path
) -> None:
    _, to_database = place.links
    with lasting(installation, pools=False):  # a process whose leases run out may end itself
        with Load(installation, ledger) as load:
            held = held_there(installation, load, ledger, seconds=2 * LEASE)
            with cut(to_database):
                lost = """SELECT count(DISTINCT task_id) FROM tasks_taskattempt
                    WHERE task_id = ANY(%s::uuid[]) AND outcome = 'lost' AND worker LIKE 'far-%%'"""
                wait_until(
                    lambda: installation.value(lost, [held]) == len(held), within=40, what="their attempts are lost"
                )
                load.await_completed(60, within=RECOVERY)
            await_work_there(installation)
        load.assert_all_completed(within=RECOVERY)
    # None of them came to its end where it could not be recorded, while it ran again elsewhere.
    ended = [line.split()[1:3] for line in ledger.read_text().splitlines() if line.startswith("end ")]
    assert not [each for each in held if [each, "1"] in ended]


def held_there(installation: Installation, load: Load, ledger: Path, *, seconds: float) -> list[str]:
    """Submits slow tasks until some of each kind run in the other place, and returns these."""
    payload = {"seconds": seconds, "ledger": str(ledger)}
    kinds = ("sample.work", "sample.async_work")
    there = """SELECT id::text, type FROM tasks_task WHERE id = ANY(%s::uuid[]) AND status = 'processing'
        AND worker LIKE 'far-%%' AND attempt = 1"""
    slow: list[str] = []

    def held() -> list[str]:
        slow.extend(load.add([{"type": kind, "payload": payload, "priority": 9} for kind in kinds]))
        found = installation.rows(there, [slow])
        return [task for task, _ in found] if {kind for _, kind in found} == set(kinds) else []

    return wait_until(held, within=30, what="slow tasks of both kinds run in the other place")


def await_work_there(installation: Installation) -> None:
    """Waits until both workers in the other place take tasks that they could not have known before."""
    now = installation.value("SELECT clock_timestamp()")
    taken = "SELECT count(DISTINCT worker) FROM tasks_task WHERE worker LIKE 'far-%%' AND created_at > %s"
    wait_until(lambda: installation.value(taken, [now]) == len(FAR), within=RECOVERY, what="work in the other place")


def lost_broker(installation: Installation, name: str) -> bool:
    return "Connection to broker lost" in (installation.home / "log" / f"{name}.log").read_text(errors="replace")
