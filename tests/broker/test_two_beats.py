"""Two beats over the same periodic tasks, of which one is killed: each due slot is submitted once."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.conftest import namespace, opened
from tests.broker.installation import Databases, Installation
from tests.broker.processes import wait_until
from tests.broker.verdict import assert_sound

pytestmark = pytest.mark.broker

EVERY = 2  # seconds
WITHIN = 60
SENT = "Sending due task often"

_PLAN = """
from django_celery_beat.models import IntervalSchedule, PeriodicTask
every = IntervalSchedule.objects.create(every={every}, period=IntervalSchedule.SECONDS)
for name, once in (("often", False), ("once", True)):
    PeriodicTask.objects.create(
        name=name, task="taskyard.submit", interval=every, one_off=once,
        kwargs={kwargs!r}.replace("NAME", name),
    )
"""


@pytest.fixture(scope="module")
def installation(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(
        databases.make("beats"), os.environ["BROKER_URL"], namespace("beats"), tmp_path_factory.mktemp("beats")
    )
    with opened(made):
        made.start()
        yield made


def start_beat(installation: Installation, name: str) -> None:
    installation.processes.start(name, "celery", "-A", "config", "beat", "--pidfile", "", "-l", "INFO")


def sent(installation: Installation, name: str) -> int:
    """Returns how often this beat found the task due."""
    log = installation.home / "log" / f"{name}.log"
    return log.read_text().count(SENT) if log.exists() else 0


def await_sent(installation: Installation, name: str, times: int) -> None:
    """Waits until this beat has found the task due so often in all."""
    wait_until(lambda: sent(installation, name) >= times, within=WITHIN, what=f"{name} finds it due {times} times")


def test_each_due_slot_is_submitted_once_by_two_beats_of_which_one_is_killed(
    installation: Installation, ledger: Path
) -> None:
    kwargs = json.dumps({"type": "sample.work", "name": "NAME", "payload": {"ledger": str(ledger)}})
    plan = _PLAN.format(every=EVERY, kwargs=kwargs)
    installation.processes.run("python", "manage.py", "shell", "--verbosity", "0", "-c", plan)
    beats = ("beat-one", "beat-two")
    for name in beats:
        start_beat(installation, name)
    for name in beats:
        await_sent(installation, name, 3)
    installation.processes.kill("beat-one")
    before = sent(installation, "beat-one")
    start_beat(installation, "beat-one")
    await_sent(installation, "beat-one", before + 2)
    for name in beats:
        installation.processes.kill(name)

    ids = [row[0] for row in installation.rows("SELECT id::text FROM tasks_task WHERE name = 'often'")]
    found = sum(sent(installation, name) for name in beats)
    assert 3 <= len(ids) < found, "no slot was found due twice: this showed nothing"
    slots = installation.rows("SELECT idempotency_key FROM tasks_task WHERE name = 'often'")
    assert len(set(slots)) == len(ids)
    seconds = "SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM tasks_task WHERE name = 'often'"
    assert len(ids) <= float(installation.value(seconds)) / EVERY + 2
    once = [row[0] for row in installation.rows("SELECT id::text FROM tasks_task WHERE name = 'once'")]
    assert len(once) == 1
    installation.await_ended([*ids, *once], within=WITHIN)
    assert assert_sound(installation, [*ids, *once], ledger) == {"completed": len(ids) + 1}
