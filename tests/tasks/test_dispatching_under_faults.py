"""The dispatcher when the broker, the rows or the lead go away under it, and when it sleeps."""

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from tasks import database, dispatching, leadership
from tasks.dispatching import RECENT, Dispatcher
from tasks.leadership import Lead
from tasks.models import Leadership, Task
from tasks.publishing import FilesPublisher, Message
from tasks.states import TaskStatus
from tests.tasks.desk import NOOP, Desk, a_worker
from tests.tasks.pool_process import until
from tests.tasks.rows import a_task, tasks

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus


# --- What goes back ---------------------------------------------------------------------------------------------------


def test_what_the_broker_does_not_take_goes_back_and_is_sent_when_it_does(desk: Desk) -> None:
    a_worker(means={NOOP: 1.0})
    [first] = tasks(1)
    desk.turn()
    desk.received()
    shutil.rmtree(desk.folder / "taken")  # nothing can be written any more
    ids = tasks(3)
    desk.turn()
    assert set(Task.objects.filter(status=S.PENDING, queued_at=None).values_list("id", flat=True)) == set(ids)
    assert Leadership.objects.get().broker_error
    desk.dispatcher._broker_again_at = 0.0  # its pause is over; opening makes what is missing
    desk.turn()
    assert [found for found, _, _ in desk.received()] == [ids]
    assert Leadership.objects.get().broker_error == ""
    assert Task.objects.get(id=first).status == S.QUEUED


class Choosy(FilesPublisher):
    """Takes the first message of each lot and says nothing of the others."""

    def publish(self, messages: list[Message]) -> set[str]:
        return super().publish(messages[:1])


def test_only_what_is_not_confirmed_goes_back(desk: Desk) -> None:
    a_worker()
    desk.dispatcher = Dispatcher(desk.lead, Choosy())
    first, *rest = tasks(3)
    desk.turn()
    assert [ids for ids, _, _ in desk.received()] == [[first]]
    assert set(Task.objects.filter(status=S.PENDING).values_list("id", flat=True)) == set(rest)


def test_what_was_moved_since_it_was_chosen_is_not_sent(desk: Desk) -> None:
    a_worker(means={NOOP: 1.0})
    gone, left = tasks(2)

    def moves_first(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "queued_at = " in sql:
            Task.objects.filter(id=gone).update(status=S.CANCELLED, finished_at=database.now())
        return execute(sql, *rest)

    with connection.execute_wrapper(moves_first):
        desk.turn()
    assert [ids for ids, _, _ in desk.received()] == [[left]]


# --- Leaders ----------------------------------------------------------------------------------------------------------


def test_a_leader_that_was_frozen_sends_nothing_in_its_old_term(desk: Desk) -> None:
    a_worker()
    tasks(1)
    desk.turn()
    desk.received()
    old = desk.lead.term()
    assert old is not None
    Leadership.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert Lead().acquire()
    ids = [*tasks(2), a_task(S.SCHEDULED, run_at=database.now()).id]
    before = list(Task.objects.order_by("id").values())
    desk.dispatcher.turn(old)
    assert desk.received() == []
    assert list(Task.objects.order_by("id").values()) == before
    assert len(ids) == 3


def test_who_takes_the_lead_returns_what_was_marked_just_before(desk: Desk) -> None:
    a_worker(means={NOOP: 1.0})
    now = database.now()
    fresh = a_task(S.QUEUED, queued_at=now - timedelta(seconds=RECENT / 2))
    old = a_task(S.QUEUED, queued_at=now - timedelta(seconds=RECENT * 2))
    desk.turn()
    assert [ids for ids, _, _ in desk.received()] == [[fresh.id]]
    old.refresh_from_db()
    assert (old.status, old.queued_at) == (S.QUEUED, now - timedelta(seconds=RECENT * 2))
    desk.turn()  # once a term
    assert desk.received() == []


# --- Its thread -------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(transactional_db: None, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(dispatching, "LONGEST_POLL", 0.08)
    monkeypatch.setattr(dispatching, "LONGEST_POLL_UNWOKEN", 0.08)
    monkeypatch.setattr(dispatching, "LINES_EVERY", 0.0)
    stop = threading.Event()
    thread = threading.Thread(target=desk.dispatcher.run, args=[stop])
    thread.start()
    yield desk
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def until_it_went_round(desk: Desk) -> None:
    before = desk.dispatcher.last_turn
    until(lambda: desk.dispatcher.last_turn > before)


@pytest.mark.django_db(transaction=True)
def test_it_says_when_it_sleeps_and_when_it_works_again(running: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[object] = []
    note = leadership.note

    def listen(*given: Any, **words: Any) -> None:
        said.append(words.get("idle"))
        note(*given, **words)

    # It may sleep again so soon that nobody who looks at the row sees it awake.
    monkeypatch.setattr(leadership, "note", listen)
    a_worker()
    until(lambda: Leadership.objects.filter(idle=True))
    [task_id] = tasks(1)
    until(lambda: Task.objects.filter(id=task_id, status=S.QUEUED))
    until(lambda: said[-2:] == [False, True])
    assert [ids for ids, _, _ in running.received()] == [[task_id]]


@pytest.mark.django_db(transaction=True)
def test_it_says_so_again_in_a_new_term(running: Desk) -> None:
    until(lambda: Leadership.objects.filter(idle=True))
    running.lead.resign()
    assert running.lead.acquire()
    assert not Leadership.objects.get().idle
    until(lambda: Leadership.objects.filter(idle=True))


@pytest.mark.django_db(transaction=True)
def test_it_does_nothing_while_it_does_not_lead(running: Desk) -> None:
    running.lead.resign()
    until_it_went_round(running)
    a_worker()
    [task_id] = tasks(1)
    until_it_went_round(running)  # it looks whether it leads, and no more
    assert Task.objects.get(id=task_id).status == S.PENDING
    running.lead.acquire()
    until(lambda: Task.objects.filter(id=task_id, status=S.QUEUED))
