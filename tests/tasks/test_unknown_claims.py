"""A claim whose answer was lost with the connection is known again, once, when the connection is back."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.db import OperationalError

from tasks.models import Task, TaskAttempt
from tasks.states import Kind, Outcome, TaskStatus
from tests.tasks.pool_process import PoolProcess, on_keepers_connections, statuses

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]


def answers_lost(lost: list[str], *, which: int = 1) -> AbstractContextManager[None]:
    """Executes the claim of that number, and then says that the connection broke."""
    claims: list[str] = []

    def wrapper(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        if "attempt = attempt + 1" in sql:
            claims.append(sql)
            if len(claims) == which:
                context["cursor"].fetchall()  # to its end: SQLite commits then
                lost.append(sql)
                raise OperationalError("the connection was lost")
        return result

    return on_keepers_connections(wrapper)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("which", [1, 2])
def test_what_was_claimed_without_an_answer_is_executed_once(
    start_process: Callable[[], PoolProcess], kind: Kind, which: int, settings: Any
) -> None:
    settings.COROUTINES_PER_PROCESS = 4  # coroutines are claimed in several lots as well
    lost: list[str] = []
    with answers_lost(lost, which=which):
        process = start_process()
        ids = process.submit("sample.noop" if kind is Kind.PLAIN else "sample.async_noop", {"n": 1}, count=12)
        process.take(*ids, kind=kind)
        process.settle()
    assert lost
    assert statuses(ids) == [TaskStatus.COMPLETED] * 12
    assert set(TaskAttempt.objects.values_list("number", "outcome")) == {(1, Outcome.COMPLETED)}
    assert TaskAttempt.objects.count() == 12


def test_a_suspect_whose_claim_had_no_answer_is_charged_nothing(start_process: Callable[[], PoolProcess]) -> None:
    lost: list[str] = []
    with answers_lost(lost):
        process = start_process()
        task_id = process.submit("sample.work", {"fail_until": 1}, suspect=True)
        process.take(task_id, alone=True)
        process.settle()
    task = Task.objects.get()
    assert (task.status, task.losses, task.failures) == (TaskStatus.RETRYING, 0, 1)


def test_a_repeat_of_what_runs_here_is_not_taken_for_an_unknown_claim(
    start_process: Callable[[], PoolProcess],
) -> None:
    lost: list[str] = []
    with answers_lost(lost, which=2):
        process = start_process()
        ids = process.submit("sample.async_work", {"seconds": 1}, count=2)
        process.take(*ids, kind=Kind.ASYNC)
        process.take(*ids, kind=Kind.ASYNC)  # the broker delivered it twice
        process.settle()
    assert lost
    assert statuses(ids) == [TaskStatus.COMPLETED] * 2
    assert TaskAttempt.objects.count() == 2
