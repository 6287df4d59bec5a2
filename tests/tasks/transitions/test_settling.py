"""What the end of a task means for those that depend on it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tasks import database
from tasks.models import DeadLetter, Task, TaskAttempt, TaskDependency, TaskEvent
from tasks.services import cancel_tasks, retry_tasks, submit_task
from tasks.states import EventKind, TaskStatus
from tasks.transitions import lose_expired, repair_blocked, settle_rest, settling
from tests.tasks.family import edges, end, statuses, submit
from tests.tasks.rows import LEADER, claimed, lead, queues

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus
DEAD = [S.FAILED, S.CANCELLED]


@pytest.fixture(autouse=True)
def _queues(db: None) -> None:
    queues("default")


def kill(task_id: uuid.UUID, status: TaskStatus) -> None:
    if status == S.FAILED:
        end(task_id, status=S.FAILED)
    else:
        cancel_tasks([task_id])


def events(task_id: uuid.UUID, kind: EventKind) -> list[str]:
    return list(TaskEvent.objects.filter(task_id=task_id, kind=kind).values_list("reason", flat=True))


def test_a_task_runs_when_all_that_it_waits_for_is_completed() -> None:
    a, b, child = submit({}, {}, {"depends_on": [0, 1]})
    assert statuses(child) == [S.BLOCKED]
    end(a)
    assert statuses(child) == [S.BLOCKED]
    assert Task.objects.get(id=child).unmet == 1
    end(b)
    row = Task.objects.get(id=child)
    assert (row.status, row.unmet) == (S.PENDING, 0)
    assert edges(child) == {a: True, b: True}


def test_parents_that_end_in_one_statement_are_counted_each() -> None:
    *parents, child = submit({}, {}, {}, {"depends_on": [0, 1, 2]})
    end(*parents)
    assert statuses(child) == [S.PENDING]


def test_a_freed_task_that_is_not_due_yet_is_scheduled() -> None:
    parent, child = submit({}, {"depends_on": [0], "delay": 3600})
    end(parent)
    row = Task.objects.get(id=child)
    assert row.status == S.SCHEDULED
    assert row.run_at > database.now() + timedelta(minutes=59)


def test_a_freed_task_is_due_since_it_was_freed() -> None:
    parent, child = submit({}, {"depends_on": [0]})
    Task.objects.filter(id=child).update(run_at=database.now() - timedelta(days=3))
    end(parent)
    assert Task.objects.get(id=child).run_at > database.now() - timedelta(minutes=1)


@pytest.mark.parametrize("status", DEAD)
def test_a_dead_parent_fails_all_below_it_without_an_attempt_or_a_dead_letter(status: TaskStatus) -> None:
    root, child, grandchild, other = submit({}, {"depends_on": [0]}, {"depends_on": [1]}, {})
    kill(root, status)
    assert statuses(root, child, grandchild, other) == [status, S.FAILED, S.FAILED, S.PENDING]
    below = Task.objects.filter(id__in=[child, grandchild])
    assert {(row.attempt, row.finished_at is None, row.unsettled) for row in below} == {(0, False, False)}
    assert not TaskAttempt.objects.filter(task_id__in=[child, grandchild]).exists()
    assert not DeadLetter.objects.filter(task_id__in=[child, grandchild]).exists()
    assert events(child, EventKind.ABANDONED) == [f"it depends on task {root}, which is {status}"]
    assert events(grandchild, EventKind.ABANDONED) == [f"it depends on task {child}, which is failed"]


@pytest.mark.parametrize("status", DEAD)
@pytest.mark.parametrize(("policy", "expected"), [("wait", S.BLOCKED), ("run", S.PENDING)])
def test_a_task_may_wait_for_a_dead_parent_or_run_anyway(status: TaskStatus, policy: str, expected: TaskStatus) -> None:
    root, child = submit({}, {"depends_on": [0], "on_dependency_failure": policy})
    kill(root, status)
    assert statuses(child) == [expected]


def test_a_task_that_failed_but_tries_again_is_not_dead() -> None:
    root, child = submit({}, {"depends_on": [0]})
    end(root, status=S.RETRYING)
    assert statuses(child) == [S.BLOCKED]


def test_a_parent_that_is_lost_for_good_fails_its_children() -> None:
    lead()
    [held] = claimed(alone=True, lease=-1, losses=2)
    child = submit_task(type="sample.noop", depends_on=[held.id]).id
    lose_expired(**LEADER, max_losses=3)
    assert statuses(held.id, child) == [S.FAILED, S.FAILED]


def test_a_parent_that_was_to_be_cancelled_when_it_was_lost_fails_its_children() -> None:
    lead()
    [held] = claimed(lease=-1)
    child = submit_task(type="sample.noop", depends_on=[held.id]).id
    cancel_tasks([held.id])
    assert statuses(child) == [S.BLOCKED]
    lose_expired(**LEADER, max_losses=3)
    assert statuses(held.id, child) == [S.CANCELLED, S.FAILED]


class TestReturn:
    def test_retrying_the_root_brings_everything_below_back_to_blocked(self) -> None:
        root, child, grandchild = submit({}, {"depends_on": [0]}, {"depends_on": [1]})
        kill(root, S.FAILED)
        assert retry_tasks([root]).done == [root]
        assert statuses(root, child, grandchild) == [S.PENDING, S.BLOCKED, S.BLOCKED]
        assert events(grandchild, EventKind.REBLOCKED) == ["what it depends on is tried again"]
        end(root)
        end(child)
        end(grandchild)
        assert statuses(root, child, grandchild) == [S.COMPLETED] * 3

    def test_a_child_stays_failed_while_another_parent_is_dead(self) -> None:
        a, b, child = submit({}, {}, {"depends_on": [0, 1]})
        kill(a, S.FAILED)
        kill(b, S.FAILED)
        retry_tasks([a])
        assert statuses(child) == [S.FAILED]
        retry_tasks([b])
        assert statuses(child) == [S.BLOCKED]
        end(a, b)
        assert statuses(child) == [S.PENDING]

    def test_what_failed_by_itself_stays_failed_when_its_parent_is_retried(self) -> None:
        root, child = submit({}, {"depends_on": [0], "on_dependency_failure": "run"})
        kill(root, S.FAILED)
        end(child, status=S.FAILED)
        retry_tasks([root])
        assert statuses(root, child) == [S.PENDING, S.FAILED]

    def test_a_child_that_failed_by_its_parent_is_not_retried_alone(self) -> None:
        root, child = submit({}, {"depends_on": [0]})
        kill(root, S.FAILED)
        report = retry_tasks([child])
        assert (report.done, list(report.skipped)) == ([], [child])
        status, why = report.skipped[child]
        assert (status, "retry that one" in why) == (S.FAILED, True)
        assert statuses(child) == [S.FAILED]

    def test_a_child_that_ran_anyway_is_not_counted_again(self) -> None:
        root, other, child = submit({}, {}, {"depends_on": [0, 1], "on_dependency_failure": "run"})
        kill(root, S.FAILED)
        assert Task.objects.get(id=child).unmet == 1
        retry_tasks([root])
        end(root)
        assert (statuses(child), Task.objects.get(id=child).unmet) == ([S.BLOCKED], 1)
        end(other)
        assert statuses(child) == [S.PENDING]

    def test_a_cancelled_child_takes_no_part(self) -> None:
        root, child, grandchild = submit({}, {"depends_on": [0]}, {"depends_on": [1]})
        cancel_tasks([child])
        assert statuses(child, grandchild) == [S.CANCELLED, S.FAILED]
        end(root)
        assert statuses(child, grandchild) == [S.CANCELLED, S.FAILED]


class TestMany:
    @pytest.fixture
    def family(self) -> tuple[uuid.UUID, list[uuid.UUID]]:
        root, *children = submit({}, *({"depends_on": [0]} for _ in range(10)))
        return root, children

    @pytest.mark.parametrize("status", [S.COMPLETED, S.FAILED])
    def test_what_is_too_much_for_one_transaction_is_done_by_the_coordinator(
        self, family: tuple[uuid.UUID, list[uuid.UUID]], status: TaskStatus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root, children = family
        monkeypatch.setattr(settling.settle, "__kwdefaults__", {"budget": 4})
        end(root, status=status)
        done = S.PENDING if status == S.COMPLETED else S.FAILED
        assert statuses(*children).count(done) == 4
        assert Task.objects.get(id=root).unsettled
        rounds = 0
        while settle_rest():
            rounds += 1
        assert (set(statuses(*children)), rounds) == ({done}, 2)
        assert not Task.objects.filter(unsettled=True).exists()

    def test_a_root_that_came_back_before_all_were_told_fails_no_more_of_them(
        self, family: tuple[uuid.UUID, list[uuid.UUID]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root, children = family
        monkeypatch.setattr(settling.settle, "__kwdefaults__", {"budget": 4})
        end(root, status=S.FAILED)
        retry_tasks([root])
        settle_rest()
        assert set(statuses(*children)) == {S.BLOCKED}

    def test_the_statements_are_as_many_for_one_child_as_for_many(self, django_assert_max_num_queries: Any) -> None:
        root, *children = submit({}, *({"depends_on": [0]} for _ in range(300)))
        with django_assert_max_num_queries(12):
            end(root)
        assert set(statuses(*children)) == {S.PENDING}


class TestRepair:
    def test_a_blocked_task_that_was_not_told_is_found(self) -> None:
        root, child = submit({}, {"depends_on": [0]})
        Task.objects.filter(id=root).update(has_dependents=False)  # as a defect elsewhere might leave it
        end(root)
        assert statuses(child) == [S.BLOCKED]
        assert repair_blocked() == 1
        assert statuses(child) == [S.PENDING]
        assert repair_blocked() == 0

    def test_one_that_waits_for_a_dead_parent_on_purpose_is_left_alone(self) -> None:
        root, child = submit({}, {"depends_on": [0], "on_dependency_failure": "wait"})
        kill(root, S.FAILED)
        assert repair_blocked() == 0
        assert statuses(child) == [S.BLOCKED]

    def test_an_edge_counts_once(self) -> None:
        root, other, child = submit({}, {}, {"depends_on": [0, 1]})
        end(root)
        for _ in range(3):
            settling.settle([root])
        assert Task.objects.get(id=child).unmet == 1
        assert TaskDependency.objects.filter(child_id=child, met=True).count() == 1
        assert statuses(other) == [S.PENDING]


def test_a_return_that_is_too_much_for_one_transaction_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    root, *children = submit({}, *({"depends_on": [0]} for _ in range(10)))
    end(root, status=S.FAILED)
    monkeypatch.setattr(settling.reblock, "__kwdefaults__", {"budget": 4})
    retry_tasks([root])
    assert statuses(*children).count(S.BLOCKED) == 4
    while settle_rest():
        pass
    assert set(statuses(*children)) == {S.BLOCKED}
    assert not Task.objects.filter(unsettled=True).exists()


def test_what_was_not_told_of_a_return_runs_when_all_that_it_waits_for_is_completed() -> None:
    root, child, grandchild = submit({}, {"depends_on": [0]}, {"depends_on": [1]})
    kill(root, S.FAILED)
    retry_tasks([root])
    Task.objects.filter(id__in=[child, grandchild]).update(status=S.FAILED, finished_at=database.now())
    end(root)
    row = Task.objects.get(id=child)
    assert (row.status, row.unmet, row.finished_at) == (S.PENDING, 0, None)
    assert statuses(grandchild) == [S.BLOCKED]
