"""A message never lasts as long as its slowest task: what waits behind a long plain handler goes to others."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks.context import TaskContext
from tasks.execution import FIRST_SLICE, SLICE_GROWTH
from tasks.models import Task, TaskAttempt
from tasks.states import Outcome, TaskStatus
from tests.tasks.pool_process import PoolProcess, statuses, until

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def test_what_waits_behind_a_long_handler_is_pending_again_while_it_runs(
    process: PoolProcess, add_type: Callable[..., str]
) -> None:
    def long(ctx: TaskContext, payload: Any) -> str:
        until(lambda: set(statuses([*claimed, *unclaimed])) == {TaskStatus.PENDING}, timeout=5)
        return "others have them"

    first = process.submit("sample.noop", count=FIRST_SLICE + 1)[:FIRST_SLICE]
    slow = process.submit(add_type(long))
    claimed = process.submit("sample.noop", count=FIRST_SLICE * SLICE_GROWTH - 1)
    unclaimed = process.submit("sample.noop", count=3)
    process.take(*first, slow, *claimed, *unclaimed)
    process.settle()
    assert statuses([*first, slow]) == [TaskStatus.COMPLETED] * (FIRST_SLICE + 1)
    released = TaskAttempt.objects.filter(outcome=Outcome.RELEASED)
    assert {attempt.task_id for attempt in released} == set(claimed)
    assert {attempt.error_message for attempt in released} == {"handed back: the task before it took long"}
    assert not any(task.failures for task in Task.objects.filter(id__in=[*claimed, *unclaimed]))


def test_what_is_quick_enough_stays_with_its_message(process: PoolProcess) -> None:
    ids = process.submit("sample.noop", count=50)
    process.take(*ids)
    process.settle()
    assert statuses(ids) == [TaskStatus.COMPLETED] * 50
    assert set(TaskAttempt.objects.values_list("number", "outcome")) == {(1, Outcome.COMPLETED)}
