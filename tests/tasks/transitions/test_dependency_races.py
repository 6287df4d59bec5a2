"""Parents that end while children are submitted, and whatever else meets: no child waits for ever, none runs early."""

import threading
import time
import uuid
from functools import partial

import pytest
from django.db import connection, transaction

from tasks.models import Task
from tasks.services import cancel_tasks, retry_tasks, submit_task, submit_tasks
from tasks.states import TaskStatus
from tasks.transitions import finish, repair_blocked, settle_rest
from tests.tasks.family import NOOP, end, statuses, submit
from tests.tasks.rows import HOLDER, claimed, ending, queues
from tests.tasks.threads import together

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

S = TaskStatus
ROUNDS = range(8)


@pytest.fixture(autouse=True)
def _queues(transactional_db: None) -> None:
    queues("default")


def finish_all(held: list, status: TaskStatus = S.COMPLETED) -> None:
    """Ends them as a keeper does: what another statement has locked is tried again."""
    left = {each.id: each for each in held}
    while left:
        result = finish([ending(each, status) for each in left.values()], incarnation=HOLDER)
        assert not result.refused
        for task_id, _ in result.moved:
            del left[task_id]
        time.sleep(0.005)


def test_a_parent_that_ends_while_its_child_is_submitted_frees_it() -> None:
    for _ in ROUNDS:
        held = claimed(1)
        child, _ = together(
            partial(submit_task, type="sample.noop", depends_on=[held[0].id]), partial(finish_all, held)
        )
        assert statuses(child.id) == [S.PENDING]
    assert repair_blocked() == 0


def test_a_parent_that_ends_while_its_child_is_not_committed_yet_frees_it() -> None:
    """The order that a lock decides: the child is stored, the parent ends, the child is committed."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    held = claimed(1)
    stored, ended = threading.Event(), threading.Event()
    children: list[uuid.UUID] = []

    def submit_slowly() -> None:
        with transaction.atomic():
            children.append(submit_task(type="sample.noop", depends_on=[held[0].id]).id)
            stored.set()
            ended.wait(1.0)  # the finish cannot get by meanwhile

    def finish_meanwhile() -> None:
        assert stored.wait(10)
        finish_all(held)
        ended.set()

    together(submit_slowly, finish_meanwhile)
    assert statuses(*children) == [S.PENDING]


def test_two_parents_of_one_child_that_end_at_once_free_it() -> None:
    for _ in ROUNDS:
        held = claimed(2)
        child = submit_task(type="sample.noop", depends_on=[each.id for each in held]).id
        together(*(partial(finish_all, [each]) for each in held))
        row = Task.objects.get(id=child)
        assert (row.status, row.unmet) == (S.PENDING, 0)


def test_many_parents_of_many_children_that_end_at_once_free_them_all() -> None:
    held = claimed(6)
    ids = [each.id for each in held]
    children = [submit_task(type="sample.noop", depends_on=ids[place:]).id for place in range(6) for _ in range(3)]
    together(*(partial(finish_all, [held[place], held[5 - place]]) for place in range(3)))
    assert set(statuses(*children)) == {S.PENDING}
    assert set(Task.objects.filter(id__in=children).values_list("unmet", flat=True)) == {0}


def test_one_parent_fails_while_the_other_is_completed() -> None:
    for _ in ROUNDS:
        held = claimed(2)
        child, below = [
            each.id
            for each in submit_tasks(
                [NOOP | {"depends_on": [str(each.id) for each in held]}, NOOP | {"depends_on": [0]}]
            )
        ]
        together(partial(finish_all, held[:1]), partial(finish_all, held[1:], S.FAILED))
        assert statuses(child, below) == [S.FAILED, S.FAILED]
        retry_tasks([held[1].id])
        assert statuses(child, below) == [S.BLOCKED, S.BLOCKED]
        end(held[1].id)
        assert statuses(child, below) == [S.PENDING, S.BLOCKED]


def test_a_parent_that_is_retried_while_its_death_is_told_leaves_no_child_failed() -> None:
    for _ in ROUNDS:
        root, *children = submit({}, *({"depends_on": [0]} for _ in range(20)))
        end(root, status=S.FAILED)
        Task.objects.filter(id=root).update(unsettled=True)
        Task.objects.filter(id__in=children[:10]).update(status=S.BLOCKED, finished_at=None)
        together(partial(retry_tasks, [root]), settle_rest)
        assert set(statuses(*children)) == {S.BLOCKED}
        end(root)
        assert set(statuses(*children)) == {S.PENDING}


def test_a_child_that_is_cancelled_while_its_parent_ends_is_cancelled() -> None:
    for _ in ROUNDS:
        held = claimed(1)
        child = submit_task(type="sample.noop", depends_on=[held[0].id]).id
        together(partial(cancel_tasks, [child]), partial(finish_all, held))
        assert statuses(child) == [S.CANCELLED]


def test_two_that_submit_below_the_same_parents_in_other_orders_do_not_lock_each_other_out() -> None:
    for _ in ROUNDS:
        ids = [str(each.id) for each in claimed(10)]
        first, second = together(
            partial(submit_task, type="sample.noop", depends_on=ids),
            partial(submit_task, type="sample.noop", depends_on=ids[::-1]),
        )
        assert statuses(first.id, second.id) == [S.BLOCKED, S.BLOCKED]


def test_two_dead_parents_that_come_back_at_once_bring_their_child_back() -> None:
    for _ in ROUNDS:
        *parents, child = submit({}, {}, {"depends_on": [0, 1]})
        end(*parents, status=S.FAILED)
        together(*(partial(retry_tasks, [each]) for each in parents))
        assert statuses(child) == [S.BLOCKED]
        end(*parents)
        assert statuses(child) == [S.PENDING]


def test_of_two_dead_parents_the_second_sees_that_the_first_has_come_back() -> None:
    """The order that a lock decides: both are revived, and neither knows of the other when it begins."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    *parents, child = submit({}, {}, {"depends_on": [0, 1]})
    end(*parents, status=S.FAILED)
    revived = threading.Event()

    def first() -> None:
        with transaction.atomic():
            retry_tasks(parents[:1])
            revived.set()
            time.sleep(0.5)  # the other one waits for the child's lock meanwhile

    def second() -> None:
        assert revived.wait(10)
        retry_tasks(parents[1:])

    together(first, second)
    assert statuses(child) == [S.BLOCKED]
