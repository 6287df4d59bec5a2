"""How attempts end: what each ending writes, who may write it, and what is said of those that may not."""

import time
import uuid
from datetime import timedelta
from typing import Any

import pytest

from tasks.models import DeadLetter, Task, TaskAttempt
from tasks.states import FINAL, FailureCategory, Outcome, TaskStatus
from tasks.transitions import cancel, claim, finish, lose_expired, revive
from tests.tasks.rows import HOLDER, LEADER, STRANGER, claimed, columns, ending, lead

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus
ENDS = [S.COMPLETED, S.RETRYING, S.FAILED, S.PENDING, S.CANCELLED]


@pytest.mark.parametrize("status", ENDS)
def test_an_ending_moves_the_task_and_records_the_attempt(status: TaskStatus) -> None:
    [held] = claimed()
    end = ending(held, status, result='{"n": [1]}')
    assert finish([end], incarnation=HOLDER).moved == {(held.id, 1)}
    task = Task.objects.get()
    assert task.status == status
    assert (task.finished_at is not None) == (status in FINAL)
    assert (task.lease_expires_at, task.alone) == (None, False)
    assert task.failures == (0 if status == S.PENDING else 1)
    attempt = TaskAttempt.objects.get()
    assert (attempt.task_id, attempt.number, attempt.outcome) == (held.id, 1, end.outcome)
    assert (attempt.worker, attempt.incarnation, attempt.result) == ("w1@test", HOLDER, {"n": [1]})
    assert (attempt.category, attempt.error_class, attempt.error_message) == (
        end.category, end.error_class, end.message,
    )  # fmt: skip
    assert DeadLetter.objects.count() == (status == S.FAILED)


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_attempts_of_one_task_in_a_set_only_the_one_that_holds_it_moves_it(turned: bool) -> None:
    """A process that lost a task may get it again before it has told how its first attempt ended."""
    [late] = claimed(lease=-1)
    lead()
    lose_expired(**LEADER, max_losses=3)
    Task.objects.update(status=S.QUEUED)
    [held] = claim([late.id], queue="default", worker="w1@test", incarnation=HOLDER, lease=30, alone=False)
    ends = [ending(late, S.COMPLETED), ending(held, S.RETRYING)]
    result = finish(ends[::-1] if turned else ends, incarnation=HOLDER)
    assert (result.moved, result.refused) == ({(held.id, 2)}, {(held.id, 1)})
    assert Task.objects.get().status == S.RETRYING
    assert list(TaskAttempt.objects.order_by("number").values_list("outcome", flat=True)) == ["lost", "failed"]


def test_times_are_told_as_ages_and_kept_by_the_databases_clock() -> None:
    [held] = claimed()
    now = time.monotonic()
    finish([ending(held, S.COMPLETED, started=now - 5, ended=now - 2)], incarnation=HOLDER)
    task, attempt = Task.objects.get(), TaskAttempt.objects.get()
    for each in (task, attempt):
        assert each.started_at is not None
        assert each.finished_at is not None
        assert abs(each.finished_at - each.started_at - timedelta(seconds=3)) < timedelta(milliseconds=100)


def test_a_retry_is_due_after_its_delay() -> None:
    [held] = claimed()
    finish([ending(held, S.RETRYING, delay=90)], incarnation=HOLDER)
    task = Task.objects.get()
    assert task.started_at is not None
    assert timedelta(seconds=85) < task.run_at - task.started_at < timedelta(seconds=95)


def test_a_dead_letter_tells_what_the_task_died_of() -> None:
    [held] = claimed(type="sample.echo")
    end = ending(held, S.FAILED, category=FailureCategory.TIMEOUT, traceback="line 1", message="after 3 s")
    finish([end], incarnation=HOLDER)
    letter = DeadLetter.objects.get()
    assert (letter.task_id, letter.type, letter.queue, letter.attempts) == (held.id, "sample.echo", "default", 1)
    assert (letter.category, letter.error_class, letter.message) == ("timeout", "ValueError", "after 3 s")
    assert (letter.traceback, letter.resolution, letter.announced_at) == ("line 1", "", None)


def test_equal_failures_have_one_fingerprint_and_a_second_death_its_own_letter() -> None:
    [held] = claimed()
    finish([ending(held, S.FAILED, message="row 17 is bad")], incarnation=HOLDER)
    revive([held.id], actor_id=None)
    Task.objects.update(status=S.PROCESSING, attempt=2, incarnation=HOLDER, lease_expires_at=Task.objects.get().run_at)
    held.attempt = 2
    finish([ending(held, S.FAILED, message="row 18 is bad")], incarnation=HOLDER)
    letters = list(DeadLetter.objects.order_by("created_at"))
    assert [letter.resolution for letter in letters] == ["reprocessed", ""]
    assert letters[0].fingerprint == letters[1].fingerprint


# --- Fences ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ENDS)
@pytest.mark.parametrize(
    ("attempt", "incarnation"), [(0, HOLDER), (2, HOLDER), (1, STRANGER)], ids=["older", "newer", "another process"]
)
def test_an_ending_needs_the_attempt_and_the_process_of_the_claim(
    status: TaskStatus, attempt: int, incarnation: uuid.UUID
) -> None:
    [held] = claimed()
    before = columns([held.id])
    result = finish([ending(held, status, attempt=attempt, incarnation=incarnation)], incarnation=incarnation)
    assert (result.moved, result.refused, result.locked) == (set(), {(held.id, attempt)}, set())
    assert columns([held.id]) == before
    assert not TaskAttempt.objects.exists()
    assert not DeadLetter.objects.exists()


def test_an_ending_needs_no_lease_that_still_runs() -> None:
    [held] = claimed(lease=-60)
    assert finish([ending(held, S.COMPLETED)], incarnation=HOLDER).moved == {(held.id, 1)}


def test_an_ending_after_the_loss_is_refused_though_the_loss_left_an_attempt_row() -> None:
    lead()
    [held] = claimed(lease=-1)
    lose_expired(**LEADER, max_losses=3)
    before = columns([held.id])
    result = finish([ending(held, S.COMPLETED)], incarnation=HOLDER)
    assert (result.moved, result.refused) == (set(), {(held.id, 1)})
    assert columns([held.id]) == before
    assert TaskAttempt.objects.get().outcome == Outcome.LOST


@pytest.mark.parametrize("status", ENDS)
def test_an_ending_that_is_repeated_after_a_lost_commit_was_ours(status: TaskStatus) -> None:
    [held] = claimed()
    finish([ending(held, status)], incarnation=HOLDER)
    before = columns([held.id])
    result = finish([ending(held, status)], incarnation=HOLDER)
    assert (result.moved, result.refused) == ({(held.id, 1)}, set())
    assert columns([held.id]) == before
    assert TaskAttempt.objects.count() == 1
    assert DeadLetter.objects.count() == (status == S.FAILED)


def test_endings_of_one_set_are_judged_each_by_itself() -> None:
    kept, lost, unknown = *claimed(2), uuid.uuid4()
    result = finish(
        [ending(kept, S.COMPLETED), ending(lost, S.COMPLETED, attempt=9), ending(kept, S.FAILED, id=unknown)],
        incarnation=HOLDER,
    )
    assert (result.moved, result.refused) == ({(kept.id, 1)}, {(lost.id, 9), (unknown, 1)})
    assert Task.objects.get(id=lost.id).status == S.PROCESSING


# --- Requests to cancel ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (S.COMPLETED, S.COMPLETED),
        (S.FAILED, S.FAILED),
        (S.CANCELLED, S.CANCELLED),
        (S.RETRYING, S.CANCELLED),
        (S.PENDING, S.CANCELLED),
    ],
)
def test_a_requested_cancel_ends_what_would_go_on(status: TaskStatus, becomes: TaskStatus) -> None:
    [held] = claimed()
    cancel([held.id])
    finish([ending(held, status)], incarnation=HOLDER)
    task = Task.objects.get()
    assert task.status == becomes
    assert task.finished_at is not None
    assert DeadLetter.objects.count() == (becomes == S.FAILED)


# --- Sets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [S.COMPLETED, S.FAILED])
def test_the_number_of_statements_does_not_grow_with_the_set(
    status: TaskStatus, django_assert_num_queries: Any
) -> None:
    expected = 6 if status == S.FAILED else 4  # move, attempts, letters, their groups' notes; SAVEPOINT and RELEASE
    for count in (1, 60):
        held = claimed(count)
        with django_assert_num_queries(expected):
            finish([ending(each, status) for each in held], incarnation=HOLDER)
    assert Task.objects.filter(status=status).count() == TaskAttempt.objects.count() == 61
