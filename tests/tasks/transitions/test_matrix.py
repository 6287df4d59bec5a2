"""Every status by every move, with the functions that really move: what goes where, and that nothing else changes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tasks import database, transitions
from tasks.models import DeadLetter, Task, TaskAttempt, TaskDependency
from tasks.states import FINAL, MOVES, Move, TaskStatus
from tasks.transitions.settling import reblock, settle
from tests.tasks.rows import HOLDER, LEADER, a_task, columns, ending, lead, task_in

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def finish(status: TaskStatus) -> Callable[[Task], Any]:
    return lambda task: transitions.finish([ending(task, status)], incarnation=HOLDER)


def cancel(task: Task) -> None:
    """Asks, and confirms as the worker of a processing task does."""
    transitions.cancel([task.id])
    finish(TaskStatus.CANCELLED)(task)


MOVERS: dict[Move, Callable[[Task], Any]] = {
    Move.PROMOTE: lambda task: transitions.promote_due(**LEADER),
    Move.ENQUEUE: lambda task: transitions.enqueue([task.id], queue=task.queue, **LEADER),
    Move.RETURN: lambda task: transitions.return_queued([task.id]),
    Move.CLAIM: lambda task: transitions.claim(
        [task.id], queue=task.queue, worker="w1@test", incarnation=HOLDER, lease=30, alone=False
    ),
    Move.COMPLETE: finish(TaskStatus.COMPLETED),
    Move.RETRY: finish(TaskStatus.RETRYING),
    Move.FAIL: finish(TaskStatus.FAILED),
    Move.RELEASE: finish(TaskStatus.PENDING),
    Move.LOSE: lambda task: transitions.lose_expired(**LEADER, max_losses=3),
    Move.CANCEL: cancel,
    Move.REVIVE: lambda task: transitions.revive([task.id], actor_id=None),
    Move.UNBLOCK: lambda task: settle_with(task, TaskStatus.COMPLETED),
    Move.ABANDON: lambda task: abandon(task),
    Move.REBLOCK: lambda task: reblock_below(task),
    Move.POSTPONE: lambda task: transitions.edit({task.id: {"delay": 60.0}}, sources=[TaskStatus.PENDING]),
}
# Of those that the table allows.
TARGETS = {Move.LOSE: TaskStatus.PENDING, Move.REVIVE: TaskStatus.PENDING, Move.UNBLOCK: TaskStatus.PENDING}


def settle_with(task: Task, status: TaskStatus) -> None:
    """Ends a task that this one depends on."""
    parent = a_task(status, has_dependents=True)
    Task.objects.filter(id=task.id).update(unmet=1)
    TaskDependency.objects.create(child=task, parent=parent)
    settle([parent.id])
    Task.objects.filter(id=task.id).update(unmet=0)


def abandon(task: Task) -> None:
    settle_with(task, TaskStatus.FAILED)
    transitions.park_unknown(task.queue, ["another"], **LEADER)
    transitions.abandon_parked(task.queue, ["another"], grace=-1.0, **LEADER)
    transitions.unpark_known(task.queue, [task.type], **LEADER)


def reblock_below(task: Task) -> None:
    parent = a_task(TaskStatus.PENDING, has_dependents=True)
    Task.objects.filter(id=task.id).update(unmet=1)
    TaskDependency.objects.create(child=task, parent=parent)
    reblock([parent.id])
    Task.objects.filter(id=task.id).update(unmet=0)


def test_the_matrix_drives_every_move() -> None:
    assert set(MOVERS) == set(Move)


@pytest.mark.parametrize("move", Move)
@pytest.mark.parametrize("status", TaskStatus)
def test_status_by_move(status: TaskStatus, move: Move) -> None:
    lead()
    task, bystander = two_rows(status)
    before = columns([task.id, bystander.id])

    MOVERS[move](task)

    after = columns([task.id, bystander.id])
    assert after[bystander.id] == before[bystander.id]
    sources, targets = MOVES[move]
    if status in sources:
        assert after[task.id]["status"] == (TARGETS.get(move) or next(iter(targets)))
    else:
        assert after[task.id] == before[task.id]
        assert not TaskAttempt.objects.exists()
        assert not DeadLetter.objects.exists()


def two_rows(status: TaskStatus) -> tuple[Task, Task]:
    """Stores a row that nothing but its status protects, and one beside it that is of nobody's concern."""
    now = database.now()
    past, ahead = now - timedelta(seconds=9), now + timedelta(seconds=99)
    finished = {"finished_at": past} if status in FINAL else {}
    common: dict[str, Any] = {"attempt": 1, "incarnation": HOLDER, "queued_at": past, "started_at": past} | finished
    task = task_in(status, run_at=past, lease_expires_at=past, **common)
    bystander = task_in(status, queue="elsewhere", run_at=ahead, lease_expires_at=ahead, **common)
    Task.objects.bulk_create([task, bystander])
    return task, bystander
