"""What happens to tasks that nobody executes yet: they fall due, get a message, lose it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tasks import database
from tasks.models import Task
from tasks.states import TaskStatus
from tasks.transitions import enqueue, lose_expired, promote_due, return_queued
from tests.tasks.rows import LEADER, TERM, a_task, claimed, columns, lead, tasks

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def leads(db: None) -> None:
    lead()


def in_status(status: TaskStatus) -> set[Any]:
    return set(Task.objects.filter(status=status).values_list("id", flat=True))


def test_what_is_due_is_promoted_the_longest_due_first() -> None:
    now = database.now()
    ids = [a_task(TaskStatus.SCHEDULED, run_at=now + timedelta(seconds=each)).id for each in (-3, -1, -2, 60)]
    assert promote_due(**LEADER, limit=2) == 2
    assert in_status(TaskStatus.PENDING) == {ids[0], ids[2]}
    assert promote_due(**LEADER, limit=2) == 1
    assert promote_due(**LEADER) == 0
    assert in_status(TaskStatus.SCHEDULED) == {ids[3]}


def test_enqueue_takes_the_named_tasks_of_the_queue_and_tells_when() -> None:
    here, other = tasks(2)
    [elsewhere] = tasks(1, queue="http")
    marked = enqueue([here, elsewhere], queue="default", **LEADER)
    assert set(marked) == in_status(TaskStatus.QUEUED) == {here}
    assert in_status(TaskStatus.PENDING) == {other, elsewhere}
    queued_at = Task.objects.get(id=here).queued_at
    assert queued_at is not None
    assert return_queued([here], queued_by=marked[here]) == {here}  # the time that it told is the row's own


def test_an_unconfirmed_task_goes_back_but_not_one_that_was_queued_since() -> None:
    mine, theirs = tasks(2)
    marked = enqueue([mine, theirs], queue="default", **LEADER)
    later = database.now() + timedelta(seconds=1)
    Task.objects.filter(id=theirs).update(queued_at=later)
    assert return_queued([mine, theirs], **LEADER, queued_by=max(marked.values())) == {mine}
    back = Task.objects.get(id=mine)
    assert (back.status, back.queued_at, back.returns, back.suspect) == (TaskStatus.PENDING, None, 0, False)
    assert Task.objects.get(id=theirs).status == TaskStatus.QUEUED


def test_a_lost_message_is_counted_and_its_second_loss_makes_a_suspect() -> None:
    task = a_task(TaskStatus.QUEUED)
    seen = []
    for _ in range(3):
        return_queued([task.id], lost=True)
        task.refresh_from_db()
        seen.append((task.returns, task.suspect))
        enqueue([task.id], queue="default", **LEADER)
    assert seen == [(1, False), (2, True), (3, True)]


WRITES: dict[str, Callable[..., Any]] = {
    "promote": lambda ids, **leader: promote_due(**leader),
    "enqueue": lambda ids, **leader: enqueue(ids, queue="default", **leader),
    "return": lambda ids, **leader: return_queued(ids, **leader),
    "lose": lambda ids, **leader: lose_expired(**leader, max_losses=3),
}


@pytest.mark.parametrize("term", [TERM - 1, TERM + 1])
@pytest.mark.parametrize("write", WRITES)
def test_a_coordinator_of_another_term_writes_nothing(write: str, term: int) -> None:
    ids = [a_task(status).id for status in (TaskStatus.SCHEDULED, TaskStatus.PENDING, TaskStatus.QUEUED)]
    ids += [each.id for each in claimed(lease=-1)]
    before = columns(ids)
    assert not WRITES[write](ids, role=LEADER["role"], term=term)
    assert columns(ids) == before
    assert WRITES[write](ids, **LEADER)
