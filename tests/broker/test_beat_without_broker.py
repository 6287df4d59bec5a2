"""A beat whose broker is away: ticks go into the database, and no slot is missed for want of a broker."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.conftest import opened
from tests.broker.installation import Databases, Installation
from tests.broker.processes import wait_until
from tests.broker.test_two_beats import EVERY, start_beat
from tests.broker.verdict import assert_sound
from tests.servers import OwnRabbitMQ

pytestmark = pytest.mark.broker

AWAY = 12  # seconds
WITHIN = 60
OFTEN = "FROM tasks_task WHERE name = 'often'"

_PLAN = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
every = IntervalSchedule.objects.create(every={every}, period=IntervalSchedule.SECONDS)
PeriodicTask.objects.create(name="often", task="taskyard.submit", interval=every, kwargs={kwargs!r})
"""


@pytest.fixture(scope="module")
def broker() -> Iterator[OwnRabbitMQ]:
    with OwnRabbitMQ() as server:
        yield server


@pytest.fixture(scope="module")
def installation(
    broker: OwnRabbitMQ, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    made = Installation(databases.make("beatalone"), broker.url, "beatalone", tmp_path_factory.mktemp("beatalone"))
    with opened(made):
        made.start()
        yield made


def test_a_beat_submits_each_slot_while_the_broker_is_stopped(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    def submitted() -> int:
        return int(installation.value(f"SELECT count(*) {OFTEN}"))

    def await_more(count: int, what: str) -> None:
        before = submitted()
        wait_until(lambda: submitted() >= before + count, within=WITHIN, what=what)

    kwargs = json.dumps({"type": "sample.work", "name": "often", "payload": {"ledger": str(ledger)}})
    plan = _PLAN.format(every=EVERY, kwargs=kwargs)
    installation.processes.run("python", "manage.py", "shell", "--verbosity", "0", "-c", plan)
    start_beat(installation, "beat")
    await_more(2, "beat submits")
    broker.stop()
    await_more(AWAY // EVERY, "beat submits without a broker")
    assert not broker.is_running()
    for process in ("beat", "worker", "coordinator"):  # whose broker is away: a restart would help nobody
        installation.processes.run("python", "-m", "deploy.healthy", process, "--older-than", str(AWAY - 2))
    broker.start()
    await_more(2, "beat submits with its broker again")
    installation.processes.kill("beat")

    # Slots are multiples of the interval since the epoch, each in its task's key. One may be missed where the machine
    # stalls for longer than the interval; a beat that waits for its broker misses all of these.
    slots = installation.value(f"SELECT count(DISTINCT floor(extract(epoch FROM created_at) / {EVERY})) {OFTEN}")
    elapsed = installation.value(f"SELECT extract(epoch FROM max(created_at) - min(created_at)) {OFTEN}")
    assert int(slots) >= 0.6 * float(elapsed) / EVERY
    ids = [row[0] for row in installation.rows(f"SELECT id::text {OFTEN}")]
    installation.await_ended(ids, within=WITHIN)
    assert assert_sound(installation, ids, ledger) == {"completed": len(ids)}
