"""Answers hold against the dispatcher itself, which sends to a broker of files."""

import uuid
from typing import Any

import pytest

from tasks.explaining import Cause, why_not_running
from tasks.models import Leadership, Queue, Task
from tasks.services import submit_tasks
from tests.tasks.desk import NOOP, Desk, a_worker
from tests.tasks.explaining.conftest import ago
from tests.tasks.rows import a_task, tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def _the_clock_stands() -> None:
    """The dispatcher's goes on."""


@pytest.fixture(autouse=True)
def _all_is_well() -> None:
    """Who leads, and who listens, is said by the tests of this module."""


def test_those_ahead_are_those_that_are_sent_before_it(desk: Desk, settings: Any) -> None:
    """Priorities rise with waiting, those of one moment go by id, and what travels in another line is not before it."""
    settings.PRIORITY_AGEING_SECONDS = 100
    a_worker(processes=1)
    ids: list[uuid.UUID] = []
    for priority, waited in [(9, 0), (5, 0), (5, 50), (5, 150), (3, 0), (3, 250), (3, 950), (0, 480), (0, 0), (8, 120)]:
        ids += tasks(2, priority=priority, run_at=ago(waited + 1))
    tasks(3, type="sample.async_noop", priority=9, run_at=ago(5))
    ids += [each.id for each in submit_tasks([{"type": NOOP}] * 3)]  # of one moment, as the database wrote it
    predicted = {each: why_not_running(Task.objects.get(pk=each)).evidence.get("ahead", 0) for each in ids}
    sent: list[uuid.UUID] = []
    while len(sent) < len(ids) and desk.turn():
        sent += [each for taken, _, _ in desk.received() for each in taken]
        Task.objects.filter(pk__in=sent).delete()
    assert sent == sorted(ids, key=lambda each: predicted[each])
    assert sorted(predicted.values()) == list(range(len(ids)))


def test_what_it_refuses_is_explained_and_what_it_sends_is_next(desk: Desk) -> None:
    task = a_task()

    def cause() -> Cause:
        return why_not_running(Task.objects.get(pk=task.pk)).cause

    assert (desk.turn(), cause()) == (False, Cause.NO_WORKER)
    a_worker(types={"other": "plain"})
    assert cause() is Cause.UNKNOWN_TYPE
    assert (desk.turn(), cause()) == (True, Cause.UNKNOWN_TYPE)  # it was parked
    assert Task.objects.get().parked
    a_worker(means={NOOP: 1.0})
    Queue.objects.filter(name="default").update(paused=True)
    assert (desk.turn(), cause()) == (False, Cause.PAUSED)
    Queue.objects.filter(name="default").update(paused=False, concurrency_limit=1)
    other = a_task(priority=9)
    assert cause() is Cause.AHEAD
    assert desk.turn()
    assert [ids for ids, _, _ in desk.received()] == [[other.pk]]
    assert (desk.turn(), cause()) == (False, Cause.CONCURRENCY_LIMIT)
    Queue.objects.filter(name="default").update(concurrency_limit=None)
    Task.objects.filter(pk=other.pk).delete()
    assert cause() is Cause.NEXT
    assert desk.turn()
    desk.lead.resign()
    assert Leadership.objects.get().expires_at is not None  # since when nobody leads
    assert why_not_running(a_task()).cause is Cause.NO_LEADER
