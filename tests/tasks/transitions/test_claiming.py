"""Claims and leases: who gets a task, and who keeps it."""

import uuid
from datetime import timedelta

import pytest

from tasks import database
from tasks.models import Task
from tasks.states import TaskStatus
from tasks.transitions import cancel, cancel_requests, claim, renew
from tests.tasks.rows import HOLDER, STRANGER, a_task, claimed, columns, tasks

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def claim_for_holder(ids: list[uuid.UUID], queue: str = "default") -> list[uuid.UUID]:
    found = claim(ids, queue=queue, worker="w1@test", incarnation=HOLDER, lease=30, alone=False)
    return [each.id for each in found]


def test_a_claim_needs_the_queue_that_the_message_came_on() -> None:
    [task_id] = tasks(1, TaskStatus.QUEUED)
    before = columns([task_id])
    assert claim_for_holder([task_id], queue="http") == []
    assert columns([task_id]) == before


def test_a_claim_returns_what_it_got_in_the_order_of_the_message() -> None:
    first, second = tasks(2, TaskStatus.QUEUED)
    [waiting] = tasks(1)
    assert claim_for_holder([second, waiting, uuid.uuid4(), first]) == [second, first]


def test_a_second_claim_gets_nothing() -> None:
    ids = tasks(3, TaskStatus.QUEUED)
    assert claim_for_holder(ids) == ids
    assert claim_for_holder(ids) == []


@pytest.mark.parametrize("alone", [False, True])
def test_a_claim_writes_who_has_the_task_and_until_when(alone: bool) -> None:
    task = a_task(TaskStatus.QUEUED, attempt=2, progress=0.5, progress_text="half", worker="earlier")
    claim([task.id], queue="default", worker="w9@test", incarnation=STRANGER, lease=20, alone=alone)
    task.refresh_from_db()
    now = database.now()
    assert (task.status, task.attempt, task.worker, task.incarnation, task.alone) == (
        TaskStatus.PROCESSING, 3, "w9@test", STRANGER, alone,
    )  # fmt: skip
    assert task.started_at is not None
    assert now - timedelta(seconds=5) < task.started_at <= now
    assert task.lease_expires_at is not None
    assert timedelta(seconds=19) < task.lease_expires_at - task.started_at < timedelta(seconds=21)
    assert (task.progress, task.progress_text) == (None, "")


def test_a_claim_tells_what_the_attempt_needs_to_know() -> None:
    task = a_task(
        TaskStatus.QUEUED,
        attempt=4,
        uncounted=3,
        max_attempts=7,
        timeout=1.5,
        retry={"kind": "fixed", "base": 2},
        payload={"text": "ä \\ %s"},
    )
    [found] = claim([task.id], queue="default", worker="w1@test", incarnation=HOLDER, lease=30, alone=False)
    assert (found.type, found.queue, found.attempt, found.max_attempts) == ("sample.noop", "default", 5, 7)
    assert found.failures == 1  # of four attempts three did not count
    assert (found.timeout, found.retry) == (1.5, {"kind": "fixed", "base": 2})
    assert database.as_json(found.payload) == {"text": "ä \\ %s"}


def test_a_renewal_extends_the_lease_and_nothing_else() -> None:
    [held] = claimed(lease=10)
    before = columns([held.id])[held.id]
    assert renew([(held.id, 1)], incarnation=HOLDER, lease=60) == {(held.id, 1): False}
    after = columns([held.id])[held.id]
    assert after.pop("lease_expires_at") - before.pop("lease_expires_at") > timedelta(seconds=45)
    assert after == before


@pytest.mark.parametrize(
    ("attempt", "incarnation"), [(0, HOLDER), (2, HOLDER), (1, STRANGER)], ids=["older", "newer", "another process"]
)
def test_a_renewal_needs_the_attempt_and_the_process_of_the_claim(attempt: int, incarnation: uuid.UUID) -> None:
    [held] = claimed()
    before = columns([held.id])
    assert renew([(held.id, attempt)], incarnation=incarnation, lease=60) == {}
    assert columns([held.id]) == before


@pytest.mark.parametrize("status", sorted(set(TaskStatus) - {TaskStatus.PROCESSING}))
def test_a_renewal_needs_a_task_that_is_processed(status: TaskStatus) -> None:
    task = a_task(status, attempt=1, incarnation=HOLDER)
    before = columns([task.id])
    assert renew([(task.id, 1)], incarnation=HOLDER, lease=60) == {}
    assert columns([task.id]) == before


def test_a_renewal_of_a_lease_that_ran_out_holds_while_nobody_reaped_it() -> None:
    [held] = claimed(lease=-5)
    assert renew([(held.id, 1)], incarnation=HOLDER, lease=30) == {(held.id, 1): False}


def test_a_renewal_brings_the_requests_to_cancel() -> None:
    wanted, unwanted = claimed(2)
    cancel([unwanted.id])
    assert renew([(wanted.id, 1), (unwanted.id, 1)], incarnation=HOLDER, lease=30) == {
        (wanted.id, 1): False,
        (unwanted.id, 1): True,
    }


@pytest.mark.parametrize("count", [1, 50])
def test_a_claim_and_a_renewal_are_one_statement_each(count: int, django_assert_num_queries: object) -> None:
    ids = tasks(count, TaskStatus.QUEUED)
    with django_assert_num_queries(2):  # type: ignore[operator]
        claim_for_holder(ids)
        renew([(each, 1) for each in ids], incarnation=HOLDER, lease=30)
    assert Task.objects.filter(status=TaskStatus.PROCESSING).count() == count


def test_requests_to_cancel_are_read_for_what_this_process_still_has() -> None:
    wanted, other, elsewhere, newer = claimed(4)
    cancel([wanted.id, elsewhere.id, newer.id])
    Task.objects.filter(id=elsewhere.id).update(incarnation=STRANGER)
    Task.objects.filter(id=newer.id).update(attempt=2)
    pairs = [(each.id, each.attempt) for each in (wanted, other, elsewhere, newer)]
    assert cancel_requests(pairs, incarnation=HOLDER) == {(wanted.id, 1)}
