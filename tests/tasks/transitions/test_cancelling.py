"""Cancelling: at once where nobody executes, by request where somebody does."""

import pytest

from tasks.models import Task
from tasks.states import FINAL, TaskStatus
from tasks.transitions import cancel
from tests.tasks.rows import a_task, claimed, columns

pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.mark.parametrize("status", sorted(set(TaskStatus) - FINAL - {TaskStatus.PROCESSING}))
def test_a_task_that_nobody_executes_is_cancelled_at_once(status: TaskStatus) -> None:
    task = a_task(status)
    result = cancel([task.id])
    assert (result.cancelled, result.requested) == ({task.id}, set())
    task.refresh_from_db()
    assert task.status == TaskStatus.CANCELLED
    assert task.finished_at is not None


def test_a_task_that_is_processed_is_asked_to_stop_and_keeps_the_first_request() -> None:
    [held] = claimed()
    before = columns([held.id])[held.id]
    assert (cancel([held.id]).requested, cancel([held.id]).cancelled) == ({held.id}, set())
    first = Task.objects.get().cancel_requested_at
    cancel([held.id])
    after = columns([held.id])[held.id]
    assert after.pop("cancel_requested_at") == first
    before.pop("cancel_requested_at")
    assert first is not None
    assert after == before


def test_of_a_selection_each_goes_its_way_and_what_is_over_stays() -> None:
    rows = {status: a_task(status).id for status in TaskStatus}
    over = [rows[status] for status in FINAL]
    before = columns(over)
    result = cancel(list(rows.values()))
    assert result.requested == {rows[TaskStatus.PROCESSING]}
    assert result.cancelled == set(rows.values()) - set(over) - result.requested
    assert columns(over) == before
