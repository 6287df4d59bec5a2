"""A broker that dies again and again, or is away for a minute, while work comes in over the API and from beat.

The web does not notice, and the rest recovers without help.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.conftest import opened
from tests.broker.installation import Databases, Installation
from tests.broker.load import Load, lasting
from tests.broker.processes import wait_until
from tests.broker.test_two_beats import EVERY, start_beat
from tests.broker.verdict import assert_sound
from tests.servers import OwnRabbitMQ

pytestmark = pytest.mark.broker

ROUNDS = 3
AWAY = 60.0  # seconds
RECOVERY = 60  # Celery waits 2, 4, 6 … 30 s between its attempts to connect
SLOWEST = 3.0  # seconds for a request: it makes no difference to the web whether the broker is there
SLOTS = 6  # of a beat without a broker
OFTEN = "FROM tasks_task WHERE name = 'often'"

_PLAN = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
every = IntervalSchedule.objects.create(every={every}, period=IntervalSchedule.SECONDS)
PeriodicTask.objects.create(name="often", task="taskyard.submit", interval=every, kwargs={kwargs!r})
"""


@pytest.fixture(scope="module")
def installation(
    broker: OwnRabbitMQ, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    made = Installation(
        databases.make("away"), broker.url, "away", tmp_path_factory.mktemp("away"), LOST_MESSAGE_SECONDS="2"
    )
    with opened(made):
        made.start()
        yield made


def test_a_broker_that_is_killed_three_times_under_load_loses_and_repeats_nothing(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    with lasting(installation):
        with Load(installation, ledger) as load:
            for _ in range(ROUNDS):
                broker.kill()
                load.await_submitted(30)
                broker.start()
                load.await_completed(60, within=RECOVERY)
        load.assert_all_completed(within=RECOVERY)
        assert load.slowest < SLOWEST
        assert attempts_per_task(installation, load.ids) == 1


@pytest.mark.timeout(240)
def test_a_broker_that_is_stopped_for_a_minute_under_load_is_no_more_than_a_delay(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    with lasting(installation):
        with Load(installation, ledger) as load:
            broker.stop()
            until = time.monotonic() + AWAY
            wait_until(lambda: broker_error(installation), within=30, what="the coordinator says that it is away")
            while time.monotonic() < until:
                load.await_submitted(30)
                assert broker_error(installation)
                for path in ("/api/health/ready/", "/api/tasks/stats/", f"/api/tasks/{load.ids[-1]}/"):
                    assert installation.seconds_of(path) < SLOWEST
            assert_healthy(installation, "worker", "coordinator")
            broker.start()
            load.await_completed(60, within=RECOVERY)
        load.assert_all_completed(within=RECOVERY)
        assert load.slowest < SLOWEST
        assert attempts_per_task(installation, load.ids) == 1
    assert not broker_error(installation)


def test_what_is_submitted_while_the_broker_is_stopped_completes_when_it_is_back(
    installation: Installation, broker: OwnRabbitMQ
) -> None:
    with lasting(installation):
        broker.stop()
        ids, slowest = [], 0.0
        for number in range(100):
            began = time.monotonic()
            ids.append(installation.submit("sample.noop" if number % 2 else "sample.async_noop"))
            slowest = max(slowest, time.monotonic() - began)
        began = time.monotonic()
        ids += installation.submit_all(
            [{"type": kind, "payload": {}} for kind in ("sample.noop", "sample.async_noop", "sample.echo") * 300]
        )
        slowest = max(slowest, time.monotonic() - began)
        assert slowest < SLOWEST
        wait_until(lambda: broker_error(installation), within=30, what="the coordinator says that the broker is away")
        assert installation.statuses(ids) == {"pending": 1000}
        broker.start()
        assert installation.await_ended(ids, within=RECOVERY) == {"completed": 1000}
    assert not broker_error(installation)


def test_a_beat_submits_each_slot_while_the_broker_is_stopped(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    def submitted() -> int:
        return int(installation.value(f"SELECT count(*) {OFTEN}"))

    def await_more(count: int, what: str) -> None:
        before = submitted()
        wait_until(lambda: submitted() >= before + count, within=RECOVERY, what=what)

    kwargs = json.dumps({"type": "sample.work", "name": "often", "payload": {"ledger": str(ledger)}})
    plan = _PLAN.format(every=EVERY, kwargs=kwargs)
    installation.processes.run("python", "manage.py", "shell", "--verbosity", "0", "-c", plan)
    start_beat(installation, "beat")
    await_more(2, "beat submits")
    broker.stop()
    await_more(SLOTS, "beat submits without a broker")
    assert_healthy(installation, "beat")
    assert not broker.is_running()
    broker.start()
    await_more(2, "beat submits with its broker again")
    installation.processes.kill("beat")

    # Slots are multiples of the interval since the epoch, each in its task's key. One may be missed where the machine
    # stalls for longer than the interval; a beat that waits for its broker misses all of these.
    slots = installation.value(f"SELECT count(DISTINCT floor(extract(epoch FROM created_at) / {EVERY})) {OFTEN}")
    elapsed = installation.value(f"SELECT extract(epoch FROM max(created_at) - min(created_at)) {OFTEN}")
    assert int(slots) >= 0.6 * float(elapsed) / EVERY
    ids = [row[0] for row in installation.rows(f"SELECT id::text {OFTEN}")]
    installation.await_ended(ids, within=RECOVERY)
    assert assert_sound(installation, ids, ledger) == {"completed": len(ids)}


def assert_healthy(installation: Installation, *processes: str) -> None:
    """Their broker is away: a restart would help nobody."""
    for process in processes:
        installation.processes.run("python", "-m", "deploy.healthy", process)


def attempts_per_task(installation: Installation, ids: list[str]) -> int:
    """Returns the largest number of attempts that one of these has: the broker's death is no reason for a second."""
    return int(installation.value("SELECT max(attempt) FROM tasks_task WHERE id = ANY(%s::uuid[])", [ids]))


def broker_error(installation: Installation) -> str:
    return str(installation.value("SELECT broker_error FROM tasks_leadership"))
