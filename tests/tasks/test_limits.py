"""Paused queues and limited ones: what the dispatcher sends of them, and what a worker may claim."""

import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database, limits
from tasks.exceptions import InvalidSubmission, QueueMissing
from tasks.limits import Allowance
from tasks.models import Queue, Task
from tasks.selectors import QueueRules
from tasks.services import limit_queue, pause_queue, resume_queue
from tasks.states import TaskStatus
from tasks.transitions import claim, enqueue
from tests.tasks.desk import ECHO, NOOP, Desk, a_worker, count
from tests.tasks.rows import HOLDER, LEADER, lead, queues, tasks

S = TaskStatus


def sent(desk: Desk) -> list[int]:
    """Returns the sizes of the messages that are with the broker, and takes them."""
    return [len(ids) for ids, _, _ in desk.received()]


class TestPause:
    def test_nothing_is_sent_and_what_was_sent_comes_back(self, desk: Desk, ann: User) -> None:
        a_worker(means={NOOP: 1.0})
        tasks(5)
        desk.turn()
        assert count(S.QUEUED) == 5
        queue = pause_queue("default", actor=ann, reason="the target is down")
        assert (queue.paused, queue.paused_by, queue.pause_reason) == (True, ann, "the target is down")
        assert count(S.PENDING) == 5
        desk.received()
        tasks(2)
        assert not desk.turn()
        assert (count(S.PENDING), sent(desk)) == (7, [])

    def test_a_resumed_queue_goes_on(self, desk: Desk) -> None:
        a_worker(means={NOOP: 1.0})
        pause_queue("default")
        tasks(5)
        desk.turn()
        queue = resume_queue("default")
        assert (queue.paused, queue.paused_at, queue.paused_by, queue.pause_reason) == (False, None, None, "")
        desk.turn()
        assert sent(desk) == [5]

    def test_pausing_twice_keeps_the_first_ones_name(self, db: None, ann: User) -> None:
        queues("default")
        pause_queue("default", actor=ann, reason="first")
        assert pause_queue("default", reason="second").pause_reason == "first"

    def test_another_queue_is_not_held_up(self, desk: Desk) -> None:
        a_worker(queues=["default.plain", "http.plain"])
        pause_queue("default")
        tasks(1, priority=9)
        tasks(1, queue="http")
        desk.turn()
        assert (sent(desk), len(desk.received("http.plain"))) == ([], 1)

    @pytest.mark.database
    def test_neither_the_mark_nor_the_claim_of_a_paused_queue_moves_anything(self, db: None) -> None:
        """The dispatcher and a worker may have looked just before somebody paused it."""
        lead()
        queues("default")
        pending, queued = tasks(2), tasks(2, S.QUEUED)
        Queue.objects.update(paused=True)
        assert enqueue(pending, queue="default", **LEADER) == {}
        assert not claim(queued, queue="default", worker="w", incarnation=HOLDER, lease=30, alone=False)

    def test_what_was_marked_at_the_moment_of_the_pause_comes_back(self, desk: Desk) -> None:
        a_worker()
        tasks(2, S.QUEUED)
        Queue.objects.filter(name="default").update(paused=True)
        desk.turn()
        assert count(S.PENDING) == 2

    def test_a_missing_queue_is_missing(self, db: None) -> None:
        for verb in (pause_queue, resume_queue):
            with pytest.raises(QueueMissing, match="there is no queue 'nowhere'"):
                verb("nowhere")


class TestConcurrency:
    def test_no_more_are_under_way_than_the_limit_over_both_kinds_of_a_queue(self, desk: Desk) -> None:
        a_worker(means={NOOP: 1.0})
        limit_queue("default", rate_limit=None, concurrency_limit=3)
        tasks(1, S.PROCESSING)
        tasks(10)
        tasks(5, type="sample.async_noop")
        for _ in range(3):
            desk.turn()
        assert count(S.QUEUED) + count(S.PROCESSING) == 3
        assert sent(desk) == [1, 1]

    def test_a_limit_that_comes_while_many_wait_holds_at_once(self, desk: Desk) -> None:
        a_worker(means={NOOP: 1.0})
        tasks(300)
        desk.turn()
        limit_queue("default", rate_limit=None, concurrency_limit=1)
        desk.dispatcher.turn(desk.lead.term() or 0)  # with what it knows of its workers and queues
        assert count(S.QUEUED) == 1

    def test_what_was_sent_at_the_moment_of_the_limit_comes_back(self, desk: Desk) -> None:
        a_worker(means={NOOP: 1.0})
        tasks(1)
        desk.turn()
        tasks(20, S.QUEUED)
        Queue.objects.filter(name="default").update(concurrency_limit=2)
        desk.turn()
        assert count(S.QUEUED) == 2

    def test_a_place_that_becomes_free_is_filled(self, desk: Desk) -> None:
        a_worker(means={NOOP: 1.0})
        limit_queue("default", rate_limit=None, concurrency_limit=2)
        tasks(4)
        desk.turn()
        assert sent(desk) == [1, 1]
        Task.objects.filter(id=Task.objects.filter(status=S.QUEUED).values("id")[:1]).update(
            status=S.COMPLETED, finished_at=database.now()
        )
        desk.turn()
        assert (count(S.QUEUED), sent(desk)) == (2, [1])

    def test_a_queue_without_a_limit_is_not_held_up_by_one_that_has(self, desk: Desk) -> None:
        a_worker(queues=["default.plain", "http.plain"], means={ECHO: 1.0})
        limit_queue("default", rate_limit=None, concurrency_limit=1)
        tasks(1, S.PROCESSING)
        tasks(3, priority=9)
        tasks(5, queue="http", type=ECHO)
        desk.turn()
        assert [len(ids) for ids, _, _ in desk.received("http.plain")] == [5]


class TestRate:
    @pytest.fixture(autouse=True)
    def _clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A clock that the test moves."""
        self.now = 1000.0
        monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: self.now))

    def started(self, allowance: Allowance, rules: QueueRules, seconds: float, step: float = 0.1) -> int:
        """Asks every so often, and starts at once whatever is allowed."""
        total, end = 0, self.now + seconds
        while self.now < end:
            self.now += step
            allowed = allowance.now(rules)
            allowance.take(allowed)
            total += allowed
        return total

    @pytest.mark.parametrize("rate", [0.5, 1.0, 7.0, 250.0])
    def test_over_a_minute_the_rate_is_kept(self, db: None, rate: float) -> None:
        total = self.started(Allowance(), QueueRules("default", rate_limit=rate), 60)
        assert rate * 60 * 0.97 - 1 <= total <= rate * 60.2 + 1

    def test_a_pause_saves_up_no_more_than_a_second(self, db: None) -> None:
        allowance, rules = Allowance(), QueueRules("default", rate_limit=10.0)
        allowance.now(rules)
        self.now += 3600
        assert allowance.now(rules) == 10

    def test_what_waits_with_the_broker_counts(self, db: None) -> None:
        tasks(8, S.QUEUED)
        allowance, rules = Allowance(), QueueRules("default", rate_limit=10.0)
        self.now += 5
        assert allowance.now(rules) == 2

    def test_a_slow_rate_says_when_to_ask_again(self, db: None) -> None:
        allowance, rules = Allowance(), QueueRules("default", rate_limit=0.1)
        self.now += 4
        assert allowance.now(rules) == 0
        assert allowance.seconds_until_next(rules) == pytest.approx(6.0)

    def test_both_limits_hold(self, db: None) -> None:
        tasks(2, S.PROCESSING)
        allowance = Allowance()
        self.now += 5
        assert allowance.now(QueueRules("default", rate_limit=100.0, concurrency_limit=5)) == 3


@pytest.mark.parametrize(
    ("rate", "concurrency", "path"),
    [(0.0, None, "rate_limit"), (-1.0, None, "rate_limit"), (float("nan"), None, "rate_limit"),
     (1e9, None, "rate_limit"), (None, 0, "concurrency_limit"), (None, -5, "concurrency_limit")],
)  # fmt: skip
def test_what_is_no_limit_is_refused(db: None, rate: float | None, concurrency: int | None, path: str) -> None:
    queues("default")
    with pytest.raises(InvalidSubmission) as caught:
        limit_queue("default", rate_limit=rate, concurrency_limit=concurrency)
    assert [error["attr"] for error in caught.value.errors] == [path]
    assert Queue.objects.get(name="default").rate_limit is None


def test_a_dispatcher_that_waits_for_a_limit_does_not_sleep_past_it(desk: Desk) -> None:
    a_worker(means={NOOP: 1.0})
    limit_queue("default", rate_limit=20.0, concurrency_limit=None)
    tasks(30, run_at=database.now() - timedelta(seconds=1))
    began, took = time.monotonic(), 0
    while took < 30:
        worked = desk.turn()
        took += sum(sent(desk))
        Task.objects.filter(status=S.QUEUED).update(status=S.COMPLETED, finished_at=database.now())
        assert worked or desk.dispatcher._ask_again_in <= 0.1
        time.sleep(0.01)
    assert time.monotonic() - began > 0.4  # 20 of the 30 at most come from what was saved up


@pytest.fixture
def ann(db: None) -> Any:
    return User.objects.create(username="ann")
