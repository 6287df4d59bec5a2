"""Priorities that rise with waiting: the order in which tasks are sent, and what is sent again."""

from datetime import timedelta
from typing import Any

import pytest

from tasks import database
from tasks.ageing import outwaited
from tasks.models import Task
from tasks.states import TaskStatus
from tests.tasks.desk import NOOP, Desk, a_worker
from tests.tasks.rows import queues, tasks

pytestmark = pytest.mark.database

S = TaskStatus
STEP = 100


@pytest.fixture(autouse=True)
def _step(settings: Any) -> None:
    settings.PRIORITY_AGEING_SECONDS = STEP


def ago(steps: float) -> dict[str, Any]:
    return {"run_at": database.now() - timedelta(seconds=steps * STEP)}


def order(desk: Desk) -> list[tuple[Any, int]]:
    """Sends everything and returns the tasks in the order in which they went, with the priority of their message."""
    sent: list[tuple[Any, int]] = []
    while desk.turn():
        sent += [(each, priority) for ids, priority, _ in desk.received() for each in ids]
    return sent


def test_one_that_has_waited_long_goes_before_fresh_ones_of_a_higher_priority(desk: Desk) -> None:
    a_worker(processes=1)
    [old] = tasks(1, priority=0, **ago(9.5))
    fresh = tasks(40, priority=8)
    sent = order(desk)
    assert sent[0] == (old, 9)
    assert {each for each, _ in sent[1:]} == set(fresh)


@pytest.mark.parametrize(("steps", "priority"), [(0.5, 3), (1.5, 4), (3.5, 6), (50.0, 9)])
def test_each_step_of_waiting_is_one_priority(desk: Desk, steps: float, priority: int) -> None:
    a_worker()
    [task_id] = tasks(1, priority=3, **ago(steps))
    assert order(desk) == [(task_id, priority)]
    assert Task.objects.get(id=task_id).priority == 3


def test_those_that_have_not_waited_that_long_keep_their_order(desk: Desk) -> None:
    a_worker()
    [low], [high], [middle] = tasks(1, priority=1, **ago(0.9)), tasks(1, priority=9), tasks(1, priority=5, **ago(0.5))
    assert [each for each, _ in order(desk)] == [high, middle, low]


def test_among_equals_the_one_that_is_due_longest_goes_first(desk: Desk) -> None:
    a_worker()
    [second], [first] = tasks(1, priority=9, **ago(1.0)), tasks(1, priority=4, **ago(7.0))
    assert [each for each, _ in order(desk)] == [first, second]


def test_the_look_costs_one_statement_a_second(desk: Desk, django_assert_num_queries: Any) -> None:
    a_worker(queues=["default.plain"], means={NOOP: 1.0})
    tasks(1)
    desk.turn()
    tasks(5)
    with django_assert_num_queries(6):  # as without it
        desk.turn()


@pytest.mark.django_db
class TestOutwaited:
    @pytest.fixture(autouse=True)
    def _queues(self, db: None) -> None:
        queues("default", "http")

    def queued(self, steps: float, status: TaskStatus = S.QUEUED, **fields: Any) -> Any:
        at = database.now() - timedelta(seconds=steps * STEP)
        return tasks(1, status, queued_at=at, **fields)[0]

    def test_what_is_overtaken_by_more_urgent_ones_for_long_comes_back(self) -> None:
        old = self.queued(1.5, priority=2)
        self.queued(0.5, priority=2)
        assert outwaited("default") == []
        self.queued(0.1, S.PROCESSING, priority=7)
        assert outwaited("default") == [old]

    @pytest.mark.parametrize(
        "other",
        [{"priority": 2}, {"priority": 1}, {"priority": 7, "queue": "http"}, {"priority": 7, "steps": 2.0}],
        ids=["as urgent", "less urgent", "another queue", "sent before"],
    )
    def test_what_waits_for_its_turn_stays(self, other: dict[str, Any]) -> None:
        self.queued(1.5, priority=2)
        self.queued(status=S.PROCESSING, **{"steps": 0.1} | other)
        assert outwaited("default") == []
