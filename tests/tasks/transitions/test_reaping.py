"""Leases that ran out: suspects, who is charged with the loss, and what kills workers."""

from datetime import timedelta

import pytest

from tasks import database
from tasks.models import DeadLetter, Task, TaskAttempt
from tasks.states import FailureCategory, Outcome, TaskStatus
from tasks.transitions import cancel, claim, lose_expired
from tests.tasks.rows import HOLDER, LEADER, claimed, columns, lead

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def leads(db: None) -> None:
    lead()


def lose(max_losses: int = 3, limit: int = 1_000) -> list[TaskStatus]:
    return [each.status for each in lose_expired(**LEADER, max_losses=max_losses, limit=limit)]


def claim_again(*, alone: bool) -> None:
    Task.objects.filter(status=TaskStatus.PENDING).update(status=TaskStatus.QUEUED)
    ids = list(Task.objects.values_list("id", flat=True))
    claim(ids, queue="default", worker="w1@test", incarnation=HOLDER, lease=-1, alone=alone)


def test_a_lease_that_still_runs_is_left_alone() -> None:
    [held] = claimed(lease=30)
    before = columns([held.id])
    assert lose() == []
    assert columns([held.id]) == before


def test_a_lost_task_waits_again_as_a_suspect_and_keeps_its_budget() -> None:
    [held] = claimed(lease=-1)
    [lost] = lose_expired(**LEADER, max_losses=3)
    assert (lost.id, lost.attempt, lost.status, lost.worker) == (held.id, 1, TaskStatus.PENDING, "w1@test")
    task = Task.objects.get()
    assert (task.status, task.suspect, task.alone, task.losses) == (TaskStatus.PENDING, True, False, 0)
    assert (task.attempt, task.failures, task.lease_expires_at) == (1, 0, None)
    attempt = TaskAttempt.objects.get()
    assert (attempt.number, attempt.outcome, attempt.category) == (1, Outcome.LOST, FailureCategory.WORKER_LOST)
    assert (attempt.worker, attempt.incarnation) == ("w1@test", HOLDER)
    assert "w1@test" in attempt.error_message


def test_the_lost_attempt_began_with_its_claim() -> None:
    claimed(lease=-1)
    began = database.now() - timedelta(seconds=40)
    Task.objects.update(started_at=began)
    lose()
    assert abs(TaskAttempt.objects.get().started_at - began) < timedelta(milliseconds=100)


def test_a_loss_in_company_is_never_charged() -> None:
    claimed(2, lease=-1)
    for _ in range(4):
        assert lose(max_losses=1) == [TaskStatus.PENDING] * 2
        claim_again(alone=False)
    assert set(Task.objects.values_list("losses", flat=True)) == {0}
    assert not DeadLetter.objects.exists()


def test_losses_while_alone_add_up_until_the_task_is_dead_as_what_kills_workers() -> None:
    claimed(lease=-1)
    moves = []
    for _ in range(4):
        moves += lose(max_losses=3)
        claim_again(alone=True)
    assert moves == [TaskStatus.PENDING] * 3 + [TaskStatus.FAILED]  # the first loss was in company
    letter = DeadLetter.objects.get()
    assert (letter.category, letter.attempts) == (FailureCategory.WORKER_KILLER, 4)
    assert "3" in letter.message
    outcomes = TaskAttempt.objects.order_by("number").values_list("outcome", "category")
    assert list(outcomes) == [(Outcome.LOST, "worker_lost")] * 3 + [(Outcome.LOST, "worker_killer")]


@pytest.mark.parametrize("alone", [False, True])
def test_a_lost_task_that_shall_be_cancelled_is(alone: bool) -> None:
    [held] = claimed(lease=-1, alone=alone)
    cancel([held.id])
    assert lose(max_losses=1) == [TaskStatus.CANCELLED]
    assert Task.objects.get().finished_at is not None
    assert not DeadLetter.objects.exists()


def test_no_more_than_the_limit_is_lost_at_once() -> None:
    claimed(5, lease=-1)
    assert [len(lose(limit=3)) for _ in range(3)] == [3, 2, 0]
