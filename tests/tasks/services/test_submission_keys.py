"""Idempotency keys: the first task of a key is the only one, for each submitter."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.exceptions import IdempotencyConflict, InvalidSubmission
from tasks.models import Task
from tasks.services import Submitted, submit_task, submit_tasks
from tests.tasks.threads import together

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOOP = {"type": "sample.noop"}


def keyed(key: str, **more: Any) -> dict[str, Any]:
    return {**NOOP, "idempotency_key": key, **more}


def conflict(call: Callable[[], Any]) -> IdempotencyConflict:
    with pytest.raises(IdempotencyConflict) as caught:
        call()
    return caught.value


# --- One by one -------------------------------------------------------------------------------------------------------


def test_the_same_again_is_the_first_task() -> None:
    first = submit_task(**keyed("k", priority=3, payload={"a": 1, "b": 2}))
    again = submit_task(**keyed("k", payload={"b": 2, "a": 1}, priority=3))
    assert (first.created, again.created) == (True, False)
    assert first.id == again.id == Task.objects.get().id


@pytest.mark.parametrize(
    "other",
    [{"payload": {"a": 2}}, {"priority": 4}, {"name": "x"}, {"delay": 5}, {"tags": ["x"]}, {"type": "sample.echo"}],
    ids=str,
)
def test_another_body_is_a_conflict_and_changes_nothing(other: dict[str, Any]) -> None:
    submit_task(**keyed("k", payload={"a": 1}))
    before = Task.objects.values().get()
    error = conflict(lambda: submit_task(**{**keyed("k", payload={"a": 1}), **other}))
    assert str(error) == "the idempotency key 'k' was used before with another body"
    assert error.attr == "idempotency_key"
    assert Task.objects.values().get() == before


def test_what_is_left_out_and_what_is_given_as_its_default_are_the_same_body() -> None:
    first = submit_tasks([keyed("k")])[0]
    again = submit_task(**keyed("k", payload={}, name="", tags=[], queue=None, delay=None))
    assert (again.id, again.created) == (first.id, False)


def test_keys_differ_by_case_and_blanks() -> None:
    assert all(submit_task(**keyed(key)).created for key in ("k", "K", " k", "k "))


def test_without_a_key_the_same_is_two_tasks() -> None:
    assert submit_task(type="sample.noop").id != submit_task(type="sample.noop").id


def test_each_submitter_has_keys_of_their_own(ann: User) -> None:
    other = User.objects.create(username="other")
    ids = {submit_task(**keyed("k", priority=n), actor=actor).id for n, actor in enumerate([ann, other, None])}
    assert len(ids) == 3
    assert not submit_task(**keyed("k", priority=1), actor=other).created
    assert not submit_task(**keyed("k", priority=2)).created
    conflict(lambda: submit_task(**keyed("k", priority=1), actor=ann))


def test_a_key_is_free_again_when_its_task_is_gone() -> None:
    submit_task(**keyed("k"))
    Task.objects.all().delete()
    assert submit_task(**keyed("k", priority=1)).created


def test_what_is_wrong_does_not_take_the_key() -> None:
    with pytest.raises(InvalidSubmission):
        submit_task(**keyed("k", queue="nowhere"))
    assert submit_task(**keyed("k")).created


# --- In a list --------------------------------------------------------------------------------------------------------


def test_each_of_a_list_has_its_own_key() -> None:
    first = submit_task(**keyed("b"))
    result = submit_tasks([keyed("a"), NOOP, keyed("b"), NOOP, keyed("c"), keyed("a")])
    assert [each.created for each in result] == [True, True, False, True, True, False]
    assert result[2].id == first.id
    assert result[5].id == result[0].id
    assert set(Task.objects.values_list("id", flat=True)) == {each.id for each in result}
    assert Task.objects.count() == 5


def test_a_list_may_be_sent_again() -> None:
    given = [keyed(f"k{n}") for n in range(1_500)]
    first, again = submit_tasks(given), submit_tasks(given[::-1])
    assert [each.id for each in again] == [each.id for each in first[::-1]]
    assert not any(each.created for each in again)
    assert Task.objects.count() == 1_500


@pytest.mark.parametrize("fill", [0, 1, 300, 1_200])
def test_one_conflict_in_a_list_stores_none_of_it(fill: int) -> None:
    submit_task(**keyed("used"))
    given = [NOOP] * fill + [keyed("new"), keyed("used", priority=9), keyed("newer")]
    error = conflict(lambda: submit_tasks(given))
    assert error.attr == f"{fill + 1}.idempotency_key"
    assert "'used'" in str(error)
    assert Task.objects.count() == 1


def test_two_bodies_under_one_key_in_a_list_store_none_of_it() -> None:
    error = conflict(lambda: submit_tasks([NOOP, keyed("k"), keyed("k", priority=9)]))
    assert error.attr == "2.idempotency_key"
    assert Task.objects.count() == 0


# --- At the same moment -----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_those_who_submit_a_key_together_one_makes_the_task() -> None:
    results = together(*[lambda: submit_task(**keyed("k"))] * 6)
    assert sum(each.created for each in results) == 1
    assert {each.id for each in results} == {Task.objects.get().id}


@pytest.mark.django_db(transaction=True)
def test_of_those_who_submit_other_bodies_under_a_key_together_one_wins() -> None:
    def submit(priority: int) -> Submitted | None:
        try:
            return submit_task(**keyed("k", priority=priority))
        except IdempotencyConflict:
            return None

    results = [each for each in together(*(lambda n=n: submit(n) for n in range(6))) if each is not None]
    assert [each.id for each in results] == [Task.objects.get().id]


@pytest.mark.django_db(transaction=True)
def test_lists_with_the_same_keys_in_other_orders_do_not_lock_each_other_out() -> None:
    has_a = threading.Event()

    def a_and_then_b() -> None:
        with database.one_transaction():
            submit_task(**keyed("a"))
            has_a.set()
            _wait_for_one_that_waits()
            submit_task(**keyed("b"))

    def b_before_a() -> list[Submitted]:
        has_a.wait(timeout=10)
        return submit_tasks([keyed("b"), keyed("a")])

    _, result = together(a_and_then_b, b_before_a)
    assert [each.created for each in result] == [False, False]
    assert Task.objects.count() == 2


def _wait_for_one_that_waits() -> None:
    """Returns when another transaction waits for ours. SQLite has one writer, which nobody needs to wait for here."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    until = time.monotonic() + 10
    while database.is_postgresql() and not database.run(waiting):
        assert time.monotonic() < until
        time.sleep(0.01)
