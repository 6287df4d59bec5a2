"""Moves that meet: each row is moved exactly once, whoever wins, and nobody waits for ever."""

import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from tasks import database
from tasks.models import Task, TaskAttempt
from tasks.states import TaskStatus
from tasks.transitions import cancel, claim, finish, lose_expired, renew, return_queued
from tests.tasks.rows import HOLDER, LEADER, STRANGER, claimed, ending, lead, tasks
from tests.tasks.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

ROUNDS = range(5)
MANY = 60


def claim_for(incarnation: uuid.UUID, ids: list[uuid.UUID]) -> set[uuid.UUID]:
    found = claim(ids, queue="default", worker="w@test", incarnation=incarnation, lease=30, alone=False)
    return {each.id for each in found}


def repeat(call: Callable[[], Any]) -> None:
    for _ in ROUNDS:
        call()


def ids_in(status: TaskStatus) -> set[uuid.UUID]:
    return set(Task.objects.filter(status=status).values_list("id", flat=True))


def test_two_claims_of_the_same_tasks_share_them() -> None:
    for _ in ROUNDS:
        ids = tasks(MANY, TaskStatus.QUEUED)
        ours, theirs = together(partial(claim_for, HOLDER, ids), partial(claim_for, STRANGER, ids[::-1]))
        assert ours | theirs == set(ids)
        assert not ours & theirs
        rows = Task.objects.filter(id__in=ids)
        assert {row.id: row.incarnation for row in rows} == dict.fromkeys(ours, HOLDER) | dict.fromkeys(
            theirs, STRANGER
        )
        assert {row.attempt for row in rows} == {1}


def test_a_claim_and_a_cancel_share_the_tasks() -> None:
    for _ in ROUNDS:
        ids = tasks(MANY, TaskStatus.QUEUED)
        ours, cancelled = together(partial(claim_for, HOLDER, ids), partial(cancel, ids[::-1]))
        assert cancelled.cancelled | ours == set(ids)
        assert not cancelled.cancelled & ours
        assert cancelled.requested == ours
        rows = Task.objects.filter(id__in=ids)
        assert {row.id for row in rows if row.status == TaskStatus.PROCESSING and row.cancel_requested_at} == ours


def test_a_claim_and_a_return_share_the_tasks() -> None:
    for _ in ROUNDS:
        ids = tasks(MANY, TaskStatus.QUEUED)
        ours, returned = together(partial(claim_for, HOLDER, ids), partial(return_queued, ids[::-1], lost=True))
        assert (ours | returned, ours & returned) == (set(ids), set())
        assert {row.returns for row in Task.objects.filter(id__in=ours)} <= {0}


def test_a_late_ending_and_the_loss_of_its_lease_share_the_tasks() -> None:
    lead()
    for _ in ROUNDS:
        held = claimed(MANY, lease=-1)
        ids = {each.id for each in held}
        finished, lost = together(
            partial(finish, [ending(each, TaskStatus.COMPLETED) for each in held], incarnation=HOLDER),
            partial(lose_expired, **LEADER, max_losses=3),
        )
        done, gone = {task_id for task_id, _ in finished.moved}, {each.id for each in lost}
        assert (done | gone, done & gone) == (ids, set())
        assert {task_id for task_id, _ in finished.refused | finished.locked} == gone
        outcomes = dict(TaskAttempt.objects.filter(task_id__in=ids).values_list("task_id", "outcome"))
        assert outcomes == dict.fromkeys(done, "completed") | dict.fromkeys(gone, "lost")
        Task.objects.all().delete()


def test_one_ending_that_is_written_twice_at_once_is_recorded_once() -> None:
    for _ in ROUNDS:
        held = claimed(MANY)
        endings = [ending(each, TaskStatus.FAILED) for each in held]
        results = together(*[partial(finish, endings, incarnation=HOLDER)] * 2)
        assert TaskAttempt.objects.count() == MANY
        assert not any(result.refused for result in results)
        Task.objects.all().delete()


def test_sets_that_overlap_in_other_orders_do_not_block_each_other() -> None:
    held = claimed(MANY)
    pairs = [(each.id, 1) for each in held]

    calls: list[Callable[[], Any]] = [
        partial(renew, pairs, incarnation=HOLDER, lease=30),
        partial(renew, pairs[::-1], incarnation=HOLDER, lease=30),
        partial(cancel, [each.id for each in held[::-1]]),
        partial(finish, [ending(each, TaskStatus.RETRYING) for each in held[::2]], incarnation=HOLDER),
    ]
    together(*[partial(repeat, call) for call in calls])
    finish([ending(each, TaskStatus.RETRYING) for each in held], incarnation=HOLDER)
    assert {row.status for row in Task.objects.all()} <= {TaskStatus.CANCELLED, TaskStatus.RETRYING}


# --- PostgreSQL: one statement stands while another has the row ------------------------------------------------------


def wait_for_a_waiter() -> None:
    """Returns as soon as some other connection to this database waits for a lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 10
    while not database.run(waiting):
        assert time.monotonic() < deadline, "nobody waits"


@pytest.mark.broker
@pytest.mark.parametrize("commits", [True, False])
def test_a_claim_waits_for_the_other_one_and_gets_what_that_leaves(commits: bool) -> None:
    ids = tasks(3, TaskStatus.QUEUED)
    began = threading.Event()

    def first() -> None:
        with transaction.atomic():
            claim_for(HOLDER, ids)
            began.set()
            wait_for_a_waiter()
            transaction.set_rollback(not commits)

    def second() -> set[uuid.UUID]:
        assert began.wait(10)
        return claim_for(STRANGER, ids)

    _, got = together(first, second)
    assert got == (set() if commits else set(ids))
    assert ids_in(TaskStatus.PROCESSING) == set(ids)


@pytest.mark.broker
def test_endings_and_renewals_leave_out_what_is_locked_and_say_so() -> None:
    locked, free = claimed(2)
    holds, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Task.objects.select_for_update().get(id=locked.id)
            holds.set()
            assert over.wait(10)

    def meet() -> tuple[Any, Any]:
        assert holds.wait(10)
        try:
            pairs = [(locked.id, 1), (free.id, 1)]
            renewed = renew(pairs, incarnation=HOLDER, lease=30)
            return renewed, finish([ending(each, TaskStatus.COMPLETED) for each in (locked, free)], incarnation=HOLDER)
        finally:
            over.set()

    _, (renewed, result) = together(hold, meet)
    assert renewed == {(free.id, 1): False}
    assert (result.moved, result.refused, result.locked) == ({(free.id, 1)}, set(), {(locked.id, 1)})
    assert finish([ending(locked, TaskStatus.COMPLETED)], incarnation=HOLDER).moved == {(locked.id, 1)}
