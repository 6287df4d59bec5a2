"""What holds a task back for a while, and who is before it: as the dispatcher sends."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.explaining import Cause, Explanation, Remedy, line_ahead, passing, why_not_running
from tasks.models import Queue, Task
from tasks.states import TaskStatus
from tests.tasks.desk import ECHO, NOOP, a_worker
from tests.tasks.explaining.conftest import ago
from tests.tasks.explaining.test_lasting import said
from tests.tasks.rows import a_task, tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]

S = TaskStatus


def why(task: Task) -> Explanation:
    return why_not_running(Task.objects.get(pk=task.pk))


def busy(processes: int = 2, **fields: Any) -> list[Task]:
    """Has so many processes of w1@test execute a task each."""
    return [a_task(S.PROCESSING, incarnation=uuid.uuid4(), started_at=ago(125), **fields) for _ in range(processes)]


def limit(**limits: Any) -> None:
    Queue.objects.filter(name="default").update(**limits)


def test_what_nothing_holds_back_is_next() -> None:
    found = why(a_task())
    assert (found.cause, found.sentence) == (Cause.NEXT, "It is next: it should start within a second.")
    assert (found.remedy, found.also) == (None, ())


def test_what_has_been_next_for_long_says_so() -> None:
    task = a_task(run_at=ago(125))
    assert why(task).sentence == (
        f"It is next, due since {said(task.run_at)} (2 min ago), and nothing holds it back: it should start within a"
        " second."
    )


class TestConcurrencyLimit:
    def test_who_holds_it_is_named(self) -> None:
        limit(concurrency_limit=1)
        [holder] = busy(1, name="Sync the shop")
        tasks(3, run_at=ago(60))
        found = why(a_task())
        assert found.cause is Cause.CONCURRENCY_LIMIT
        assert found.sentence == (
            'The queue default runs at most 1 task at once, and that is reached by "Sync the shop" on w1@test for'
            " 2 min 5 s. 3 tasks are ahead of it."
        )
        assert found.evidence["held_by"] == [
            {"id": holder.pk, "name": "Sync the shop", "type": NOOP, "status": "processing", "worker": "w1@test"}
        ]
        assert found.remedy == Remedy("Change the queue's limits", "queue", "limit", "default")

    def test_of_many_the_oldest_are_named(self) -> None:
        limit(concurrency_limit=5)
        a_worker(processes=9)
        busy(4)
        tasks(1, S.QUEUED)
        assert why(a_task()).sentence == (
            'The queue default runs at most 5 tasks at once, and that is reached by "sample.noop" on w1@test for'
            ' 2 min 5 s, "sample.noop" on w1@test for 2 min 5 s, and 2 more; 1 with the broker.'
        )

    def test_workers_that_could_not_reach_it_anyhow_are_what_holds_it_back(self) -> None:
        limit(concurrency_limit=4)
        busy(2)
        tasks(2, S.QUEUED)
        assert why(a_task()).cause is Cause.WORKERS_BUSY


class TestRateLimit:
    def test_with_others_ahead(self) -> None:
        limit(rate_limit=2.0)
        tasks(9, run_at=ago(60))
        found = why(a_task())
        assert (found.cause, found.sentence) == (
            Cause.RATE_LIMIT,
            "The queue default starts at most 2 tasks a second: with 9 ahead of it, it starts in about 5 s.",
        )
        assert found.remedy == Remedy("Change the queue's limits", "queue", "limit", "default")

    def test_what_used_it_last_is_told(self) -> None:
        limit(rate_limit=0.1)
        a_worker(processes=3)
        [last] = busy(1, queued_at=ago(4))
        found = why(a_task())
        assert found.sentence == (
            f"The queue default starts at most one task each 10 s; the last one went at {said(last.queued_at)}: it is"
            " next, and starts within 10 s."
        )
        assert [each["id"] for each in found.evidence["held_by"]] == [last.pk]

    def test_a_limit_that_is_not_felt_holds_nothing_back(self) -> None:
        limit(rate_limit=5.0)
        assert why(a_task()).cause is Cause.NEXT


class TestWorkers:
    def test_all_are_busy_and_some_are_ahead(self) -> None:
        busy(2)
        tasks(10, run_at=ago(60))
        tasks(4, S.QUEUED)
        task = a_task()
        found = why(task)
        assert found.cause is Cause.WORKERS_BUSY
        # 15 tasks of a second on two processes, of which two run and are half done.
        assert found.sentence == (
            "All 2 places of the workers on the queue default are taken, and 14 tasks are ahead of it: it starts in"
            " about 7.5 s."
        )
        assert (found.evidence["ahead"], found.evidence["workers"]) == (14, ["w1@test"])
        assert found.remedy == Remedy("Give it a higher priority", "task", "priority", str(task.pk))

    def test_all_are_busy_and_it_is_next(self) -> None:
        a_worker(processes=1, means={NOOP: 240_000.0})
        busy(1)
        found = why(a_task())
        assert found.sentence == (
            "The only place of the workers on the queue default is taken, and it is next: it starts in about 2 min."
        )
        assert found.remedy == Remedy("Start more workers", "worker")

    def test_types_that_were_never_timed_give_no_estimate(self) -> None:
        busy(2, type=ECHO)
        assert why(a_task()).sentence == (
            "All 2 places of the workers on the queue default are taken, and it is next: when it starts cannot be told"
            " before its types have been run once."
        )

    def test_one_process_with_many_quick_tasks_is_one_place(self) -> None:
        same = uuid.uuid4()
        tasks(30, S.PROCESSING, incarnation=same)
        assert why(a_task()).cause is Cause.NEXT

    def test_processes_are_shared_between_queues(self) -> None:
        a_worker(queues=["default.plain", "http.plain"])
        busy(2, queue="http")
        assert why(a_task()).cause is Cause.WORKERS_BUSY

    def test_coroutines_have_places_of_their_own(self, settings: Any) -> None:
        settings.COROUTINES_PER_PROCESS = 3
        busy(2)
        task = a_task(type="sample.async_noop")
        tasks(5, S.PROCESSING, type="sample.async_noop")
        assert why(task).cause is Cause.NEXT
        tasks(1, S.PROCESSING, type="sample.async_noop")
        assert why(task).sentence.startswith("All 6 places of the workers on the queue default are taken, and it is")

    def test_others_are_ahead_and_there_are_places(self) -> None:
        tasks(10, run_at=ago(60))
        found = why(a_task())
        assert (found.cause, found.sentence) == (
            Cause.AHEAD, "10 tasks are ahead of it on the queue default: it starts in about 5 s."
        )  # fmt: skip

    def test_counts_are_capped(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(line_ahead, "COUNT_CAP", 20)
        tasks(40, run_at=ago(60))
        assert why(a_task()).sentence == (
            "At least 20 tasks are ahead of it on the queue default: it starts in 10.5 s or later."
        )


class TestMessages:
    def test_one_that_was_just_sent(self) -> None:
        assert why(a_task(S.QUEUED)).sentence == (
            "Its message is with the broker: a worker should take it within a second."
        )

    def test_one_that_nobody_takes(self) -> None:
        task = a_task(S.QUEUED, queued_at=ago(10), returns=1)
        found = why(task)
        assert (found.cause, found.remedy) == (Cause.MESSAGE, Remedy("Look at the workers of its queue", "worker"))
        assert found.sentence == (
            f"Its message was sent at {said(task.queued_at)} (10 s ago) and no worker has begun it, though they have"
            " places: if it is lost, it is sent again 1 min after that."
        )

    def test_those_that_were_sent_before_it_count(self) -> None:
        busy(2)
        tasks(3, S.QUEUED, queued_at=ago(3))
        tasks(2, S.QUEUED, priority=9)
        tasks(7, S.QUEUED, priority=1, queued_at=ago(3))
        tasks(8)
        assert why(a_task(S.QUEUED)).evidence["ahead"] == 5


def test_an_answer_costs_the_same_whatever_waits(monkeypatch: Any) -> None:
    costs, task = [], a_task(priority=3)
    for more in (1, 60):
        tasks(more, priority=5)
        tasks(more, S.QUEUED)
        tasks(more, S.PROCESSING)
        with CaptureQueriesContext(connection) as queries:
            assert why_not_running(task).cause is Cause.AHEAD
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 7
    assert passing.HOLDERS_SHOWN == 5
