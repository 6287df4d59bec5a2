"""Where the dispatcher begins to look: whatever comes before that is found all the same, and soon."""

import math
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tasks import database, pending, transitions
from tasks.fronts import LOOK_EVERY, Fronts
from tasks.models import Queue, Task
from tasks.pending import LATE_COMMIT
from tasks.selectors import Line
from tasks.services import submit_task
from tasks.states import Kind, TaskStatus
from tests.tasks.desk import NOOP, Desk, a_worker
from tests.tasks.rows import LEADER, lead, queues, tasks

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus
COROUTINE = "sample.async_noop"
LINE = Line("default", Kind.PLAIN, 2, {NOOP})


def ago(seconds: float) -> dict[str, Any]:
    return {"run_at": database.now() - timedelta(seconds=seconds)}


@pytest.fixture
def fronts() -> Fronts:
    """Has looked at a queue on which everything that is due before a minute ago was sent."""
    lead()
    queues("default")
    tasks(3, **ago(60))
    fronts = Fronts()
    assert len(next_of(fronts)) == 3
    return fronts


def next_of(fronts: Fronts, limit: int = 100) -> list[uuid.UUID]:
    fronts.heads()
    return [each.id for each in fronts.candidates(LINE, limit=limit)]


def await_found(fronts: Fronts, task_id: uuid.UUID) -> None:
    began = time.monotonic()
    while task_id not in next_of(fronts):
        assert time.monotonic() < began + 3 * LOOK_EVERY
        time.sleep(0.02)


# --- At once ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("priority", [0, 5, 9])
def test_a_new_task_is_found_at_once_whatever_its_priority(fronts: Fronts, priority: int) -> None:
    task_id = submit_task(type=NOOP, priority=priority).id
    assert task_id in next_of(fronts)


@pytest.mark.parametrize("priority", [0, 5, 9])
def test_a_submit_that_was_long_in_its_transaction_is_found_at_once(fronts: Fronts, priority: int) -> None:
    tasks(1)
    next_of(fronts)
    [late] = tasks(1, priority=priority, **ago(LATE_COMMIT * 0.8))
    assert late in next_of(fronts)


def test_what_falls_due_is_found_at_once(fronts: Fronts) -> None:
    [due] = tasks(1, S.RETRYING, **ago(0.01))
    transitions.promote_due(**LEADER)
    assert due in next_of(fronts)


def test_a_queue_that_is_new_is_looked_at_at_once(fronts: Fronts) -> None:
    queues("other")
    tasks(1, queue="other", **ago(60))
    _, type_name = fronts.heads()["other"]
    assert type_name == NOOP


def test_a_queue_that_is_gone_is_forgotten(fronts: Fronts) -> None:
    Queue.objects.filter(name="default").delete()
    assert "default" not in fronts.heads()


def test_what_came_back_is_found_at_once_when_that_is_said(fronts: Fronts) -> None:
    [back] = tasks(1, **ago(120))
    fronts.forget()
    assert back in next_of(fronts)


def test_types_that_a_worker_has_learned_are_found_at_once(fronts: Fronts) -> None:
    [other] = tasks(1, type="sample.echo", **ago(120))
    fronts.forget()
    assert other not in next_of(fronts)
    fronts.heads()
    learned = Line("default", Kind.PLAIN, 2, {NOOP, "sample.echo"})
    assert other in [each.id for each in fronts.candidates(learned, limit=100)]


# --- Soon -------------------------------------------------------------------------------------------------------------

COMES_BACK: dict[str, Callable[[], uuid.UUID]] = {
    "handed back": lambda: handed_back(),
    "made more urgent": lambda: edited(),
    "submitted with a time long past": lambda: tasks(1, **ago(600))[0],
}


def handed_back() -> uuid.UUID:
    [task_id] = tasks(1, S.QUEUED, queued_at=database.now(), **ago(120))
    assert transitions.return_queued([task_id])
    return task_id


def edited() -> uuid.UUID:
    [task_id] = tasks(1, S.SCHEDULED, run_at=database.now() + timedelta(hours=1))
    Task.objects.filter(id=task_id).update(priority=9, **ago(120))
    transitions.promote_due(**LEADER)
    return task_id


@pytest.mark.parametrize("how", COMES_BACK)
def test_what_comes_back_to_before_the_front_is_found_within_a_look(fronts: Fronts, how: str) -> None:
    task_id = COMES_BACK[how]()
    await_found(fronts, task_id)


@pytest.mark.parametrize("how", COMES_BACK)
def test_while_the_dispatcher_rests_it_is_found_with_the_next_poll(
    fronts: Fronts, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.fronts.LOOKING", math.inf)  # whatever a look costs here
    task_id = COMES_BACK[how]()
    fronts.doubt()
    assert task_id in next_of(fronts)


# --- Where it begins --------------------------------------------------------------------------------------------------


def test_what_is_before_the_front_is_not_read(fronts: Fronts) -> None:
    [back] = tasks(1, **ago(120))
    assert back not in next_of(fronts)  # not yet: otherwise the tests above would show nothing


def test_a_line_begins_behind_what_the_other_kind_has_waiting() -> None:
    queues("default")
    others, [own] = tasks(50, type=COROUTINE, **ago(60)), tasks(1, **ago(30))
    of_queue, _ = pending.first_due("default", None)
    of_line, waited = pending.first_due("default", [NOOP])
    assert of_queue[5] < of_line[5]
    assert waited[5] == pytest.approx(30, abs=5)
    assert [each.id for each in pending.candidates("default", [NOOP], of_line, limit=10)] == [own]
    coroutines = pending.candidates("default", [COROUTINE], of_queue, limit=100)
    assert [each.id for each in coroutines] == others


def test_the_highest_priority_goes_first_and_a_level_is_read_no_further_than_needed(
    fronts: Fronts, django_assert_num_queries: Any
) -> None:
    high = tasks(5, priority=9)
    fronts.heads()
    fronts.candidates(LINE, limit=1)  # has seen where its own begin
    with django_assert_num_queries(1):
        assert [each.id for each in fronts.candidates(LINE, limit=5)] == high


def test_where_nothing_waits_no_line_is_looked_at(django_assert_num_queries: Any) -> None:
    queues("default")
    fronts = Fronts()
    fronts.heads()
    with django_assert_num_queries(0):
        assert fronts.candidates(LINE, limit=5) == []


def test_what_comes_to_an_empty_queue_is_found_without_a_look_from_the_top(django_assert_num_queries: Any) -> None:
    queues("default")
    fronts = Fronts()
    assert next_of(fronts) == []
    ids = tasks(3)
    with django_assert_num_queries(2):  # what is next on each queue, and what of it the line takes
        assert next_of(fronts) == ids


def test_a_line_looks_from_the_top_itself_where_its_queue_was_not_empty() -> None:
    queues("default")
    tasks(50, type=COROUTINE, **ago(60))
    fronts = Fronts()
    fronts.heads()
    [own] = tasks(1, **ago(30))
    assert next_of(fronts) == [own]
    assert fronts._of_lines[LINE.name].since[5] > fronts._of_queues["default"].since[5]


def test_a_look_that_took_long_is_not_repeated_soon(fronts: Fronts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.fronts.LOOKING", 1e-9)
    [back] = tasks(1, **ago(120))
    fronts.doubt()
    assert back not in next_of(fronts)
    fronts.forget()
    assert back in next_of(fronts)


def test_the_dispatcher_sends_what_comes_back(desk: Desk) -> None:
    a_worker(processes=5)
    ids = tasks(3, **ago(60))
    desk.turn()
    desk.received()
    transitions.return_queued(ids[:1])
    began = time.monotonic()
    while not desk.turn():
        assert time.monotonic() < began + 3 * LOOK_EVERY
        time.sleep(0.02)
    assert [found for found, _, _ in desk.received()] == [ids[:1]]
