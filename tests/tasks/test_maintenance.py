"""What the coordinator repairs: expired leases, lost messages, files of dead workers, rows of forgotten ones."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks import database, maintenance, presence
from tasks.maintenance import Reaper, remove_stale_files, return_lost_messages
from tasks.models import Task, TaskEvent, Worker
from tasks.states import EventKind, TaskStatus
from tests.tasks.rows import LEADER, a_task, claimed, lead, tasks

pytestmark = [pytest.mark.database, pytest.mark.django_db]

PATIENCE = 30


class Broker:
    """A broker whose queues are as deep as the test says: two numbers are all that is asked of it here."""

    def __init__(self, depth: tuple[int, int] | None) -> None:
        self._depth = depth

    def depth(self, name: str) -> tuple[int, int] | None:
        return self._depth


def a_worker(**fields: Any) -> Worker:
    now = database.now()
    values: dict[str, Any] = {
        "name": "w1@test", "host": "test", "pid": 1, "group": "w1", "queues": ["default.plain"],
        "types": {"sample.noop": "plain", "sample.async_noop": "async"}, "release": "", "processes": 1,
        "started_at": now, "heartbeat_at": now,
    }  # fmt: skip
    return Worker.objects.create(**values | fields)


def ago(seconds: float) -> Any:
    return database.now() - timedelta(seconds=seconds)


def sweep(depth: tuple[int, int] | None) -> int:
    return return_lost_messages(Broker(depth), **LEADER)  # type: ignore[arg-type]


# --- The reaper -------------------------------------------------------------------------------------------------------


def test_the_reaper_waits_at_first_and_after_a_gap_because_the_workers_may_have_been_cut_off_too(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LEASE_SECONDS = 6
    lead()
    claimed(lease=-1.0)
    now = time.monotonic()
    monkeypatch.setattr("tasks.maintenance.time.monotonic", lambda: now)
    reaper = Reaper()
    assert reaper.poll(**LEADER) == 0
    now += 2.5
    assert reaper.poll(**LEADER) == 1
    claimed(lease=-1.0)
    now += maintenance.LONGEST_GAP + 1
    assert reaper.poll(**LEADER) == 0
    now += 2.5
    assert reaper.poll(**LEADER) == 1


# --- Lost messages ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "returned"), [(PATIENCE - 5, 0), (PATIENCE + 5, 1)])
def test_what_was_sent_for_a_worker_that_is_gone_comes_back(settings: Any, age: int, returned: int) -> None:
    """No online worker knows the type any more: whether its message is still there, nobody will take it."""
    settings.LOST_MESSAGE_SECONDS = PATIENCE
    lead()
    a_worker()
    a_task(TaskStatus.QUEUED, type="gone.with-its-worker", queued_at=ago(age))
    assert sweep((1, 1)) == returned


@pytest.mark.parametrize(
    ("depth", "age", "returned"),
    [
        (None, 1, True),  # the queue is gone: nothing can come of it
        ((0, 1), PATIENCE + 1, True),  # somebody listens, nothing is there
        ((0, 1), PATIENCE - 5, False),  # it may be on its way
        ((0, 0), PATIENCE + 1, False),  # nobody listens: where it is cannot be told
        ((3, 1), PATIENCE + 1, False),  # it may be among those that are there
    ],
)
def test_a_queued_row_is_lost_when_no_message_can_serve_it(
    depth: tuple[int, int] | None, age: float, returned: bool
) -> None:
    lead()
    a_worker()
    task = a_task(TaskStatus.QUEUED, queued_at=ago(age))
    assert sweep(depth) == int(returned)
    assert Task.objects.get(id=task.id).status == (TaskStatus.PENDING if returned else TaskStatus.QUEUED)
    assert TaskEvent.objects.filter(task=task, kind=EventKind.RETURNED).exists() is returned


def test_each_return_doubles_the_patience_and_from_the_second_on_it_travels_alone() -> None:
    lead()
    a_worker()
    task = a_task(TaskStatus.QUEUED, queued_at=ago(PATIENCE + 1))
    assert sweep((0, 1)) == 1
    Task.objects.filter(id=task.id).update(status=TaskStatus.QUEUED, queued_at=ago(PATIENCE + 1))
    assert sweep((0, 1)) == 0
    Task.objects.filter(id=task.id).update(queued_at=ago(2 * PATIENCE + 1))
    assert not Task.objects.get(id=task.id).suspect
    assert sweep((0, 1)) == 1
    again = Task.objects.get(id=task.id)
    assert (again.returns, again.suspect) == (2, True)


@pytest.mark.parametrize(
    ("priority", "type_name", "returned"),
    [(5, "sample.noop", True), (7, "sample.noop", False), (5, "sample.async_noop", False)],
)
def test_a_row_that_was_overtaken_by_its_own_line_is_lost(priority: int, type_name: str, returned: bool) -> None:
    lead()
    a_worker()
    old = a_task(TaskStatus.QUEUED, queued_at=ago(3 * PATIENCE))
    a_task(TaskStatus.PROCESSING, queued_at=ago(1), priority=priority, type=type_name)
    assert sweep((5, 1)) == int(returned)
    assert Task.objects.get(id=old.id).status == (TaskStatus.PENDING if returned else TaskStatus.QUEUED)


def test_a_line_that_no_worker_serves_is_left_alone() -> None:
    lead()
    a_worker(heartbeat_at=ago(3600))
    tasks(2, TaskStatus.QUEUED, queued_at=ago(3600))
    assert sweep(None) == 0


def test_a_coordinator_of_an_earlier_term_returns_nothing() -> None:
    lead(term=LEADER["term"] + 1)
    a_worker()
    tasks(2, TaskStatus.QUEUED, queued_at=ago(3600))
    assert sweep(None) == 0


# --- What the dead leave behind ---------------------------------------------------------------------------------------


def test_broadcasts_to_dead_workers_and_half_written_files_are_removed_when_they_are_old(
    settings: Any, tmp_path: Path
) -> None:
    settings.BROKER_FOLDER = tmp_path
    names = ["messages/5_1_a.dead@host.taskyard.control.pidbox.msg", "taken/5_2_b.default.plain.msg.new"]
    names += ["messages/5_3_c.taskyard.default.plain.msg"]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    assert remove_stale_files() == 0
    for name in names:
        os.utime(tmp_path / name, (0, 0))
    assert remove_stale_files() == 2
    assert (tmp_path / names[2]).exists()


def test_workers_that_are_long_gone_are_forgotten() -> None:
    a_worker()
    a_worker(name="old@test", heartbeat_at=ago(100))
    assert presence.forget_old(50) == 1
    assert list(Worker.objects.values_list("name", flat=True)) == ["w1@test"]
