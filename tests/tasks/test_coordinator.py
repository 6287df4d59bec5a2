"""The coordinator's process: one leads, the other stands by, and who hangs is replaced."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from tasks import database
from tasks.coordinator import STUCK_AFTER, Coordinator
from tasks.duties import Duty, Round
from tasks.maintenance import Reaper
from tasks.models import Leadership, Task
from tasks.states import TaskStatus
from tests.tasks.desk import NOOP, a_worker
from tests.tasks.pool_process import until
from tests.tasks.rows import queues, tasks

pytestmark = pytest.mark.database


@pytest.fixture
def coordinators(transactional_db: None, embedded: Path, settings: Any) -> Iterator[list[Coordinator]]:
    """Two that run."""
    settings.LEADER_LEASE_SECONDS = 2
    queues("default")
    both = [Coordinator(), Coordinator()]

    def run(coordinator: Coordinator) -> None:
        coordinator.run()
        connection.close()

    threads = [threading.Thread(target=run, args=[each]) for each in both]
    for thread in threads:
        thread.start()
    yield both
    for each in both:
        each.stopping.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def leading(coordinators: list[Coordinator]) -> list[Coordinator]:
    return [each for each in coordinators if each.lead.term() is not None]


@pytest.mark.django_db(transaction=True)
def test_one_of_two_leads_and_dispatches_and_the_other_follows(coordinators: list[Coordinator]) -> None:
    until(lambda: leading(coordinators))
    a_worker()
    [task_id] = tasks(1, type=NOOP)
    until(lambda: Task.objects.filter(id=task_id, status=TaskStatus.QUEUED))
    [first] = leading(coordinators)
    first.stopping.set()
    until(lambda: leading(coordinators) not in ([], [first]))
    assert Leadership.objects.get().term == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("since", "renews"), [(0.0, True), (STUCK_AFTER + 1, False)])
def test_the_lead_is_renewed_only_while_the_dispatcher_goes_round(embedded: Path, since: float, renews: bool) -> None:
    coordinator = Coordinator()
    coordinator._lead_once()
    assert coordinator.lead.term() == 1
    before = database.now()  # when the lease would run out
    Leadership.objects.update(expires_at=before)
    coordinator._dispatcher.last_turn = time.monotonic() - since
    coordinator._lead_once()
    after = Leadership.objects.get().expires_at
    assert after is not None
    assert (after > before) is renews


# --- Duties -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_error_that_nobody_foresaw_does_not_end_the_reaper(
    embedded: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    polls: list[int] = []

    def poll(self: Reaper, *, role: str, term: int) -> int:
        polls.append(term)
        if len(polls) == 1:
            raise ValueError("nobody foresaw this")
        return 0

    monkeypatch.setattr(Reaper, "poll", poll)
    coordinator = Coordinator()
    assert coordinator.lead.acquire()
    thread = threading.Thread(target=coordinator._reap)
    thread.start()
    until(lambda: len(polls) > 1)
    coordinator.stopping.set()
    thread.join(10)
    assert "nobody foresaw this" in caplog.text


def test_a_duty_that_fails_is_counted_and_the_others_go_on() -> None:
    done: list[str] = []

    def fails(term: int) -> int:
        done.append("fails")
        raise ValueError("no")

    def works(term: int) -> int:
        done.append(f"works in term {term}")
        return 1

    rounds = Round([Duty("fails", 0.0, fails), Duty("works", 0.0, works)])
    rounds.run_due(7)
    rounds.run_due(8)
    assert done == ["fails", "works in term 7", "fails", "works in term 8"]
    assert rounds.failures == {"fails": 2}


def test_a_duty_is_done_at_its_interval_and_less_often_while_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    now, fails = 100.0, True
    times: list[float] = []

    def work(term: int) -> int:
        times.append(now)
        if fails:
            raise ValueError("not yet")
        return 0

    monkeypatch.setattr("tasks.duties.time.monotonic", lambda: now)
    rounds = Round([Duty("work", 1.0, work)])
    for _ in range(40):
        rounds.run_due(1)
        fails = len(times) < 3
        now += 0.5
    assert times[:5] == [100.0, 102.0, 106.0, 114.0, 115.0]  # 2, 4 and 8 s after failures; then each second
    assert rounds.failures == {}


@pytest.mark.django_db(transaction=True)
def test_duties_have_a_working_connection_again_after_theirs_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    counts: list[int] = []

    def work(term: int) -> int:
        if not counts:
            counts.append(0)
            connection.ensure_connection()
            connection.connection.close()  # as the server's end of it does
            raise OperationalError("the connection is closed")
        counts.append(Leadership.objects.count())
        return 0

    monkeypatch.setattr("tasks.duties.time.monotonic", lambda: now)
    rounds = Round([Duty("work", 5.0, work)])
    rounds.run_due(1)
    assert rounds.failures == {"work": 1}
    now += 5.0
    rounds.run_due(1)
    assert rounds.failures == {}
    assert counts == [0, 0]
