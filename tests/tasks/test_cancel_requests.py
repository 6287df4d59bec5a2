"""Requests to cancel what a process has: read each second, whatever the lease, and confirmed by the attempt's end."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tasks.context import TaskContext
from tasks.holding import Message
from tasks.models import DeadLetter, TaskAttempt
from tasks.states import FailureCategory, Kind, Outcome, TaskStatus
from tasks.transitions import cancel
from tests.tasks.pool_process import PoolProcess, begun, kind_of, meanwhile, statuses, until

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

S = TaskStatus
Add = Callable[..., str]
BOTH = pytest.mark.parametrize("work", ["sample.work", "sample.async_work"])


@pytest.fixture(autouse=True)
def _renewals_bring_nothing(settings: Any) -> None:
    settings.LEASE_SECONDS = 600


@BOTH
def test_a_task_that_runs_is_cancelled_within_seconds(process: PoolProcess, work: str) -> None:
    task_id = process.submit(work, {"seconds": 60})
    meanwhile(lambda: until(lambda: begun(task_id)), lambda: cancel([task_id]))
    process.take(task_id, kind=kind_of(work))
    process.settle()
    attempt = TaskAttempt.objects.get()
    assert statuses([task_id]) == [S.CANCELLED]
    assert (attempt.outcome, attempt.category) == (Outcome.CANCELLED, FailureCategory.CANCELLED)
    assert attempt.error_message == "cancelled on request"
    assert not DeadLetter.objects.exists()


def test_only_the_one_that_was_asked_for_is_cancelled(process: PoolProcess) -> None:
    wanted, other = process.submit("sample.async_work", {"seconds": 2}, count=2)
    process.take(wanted, other, kind=Kind.ASYNC)
    cancel([wanted])
    process.settle()
    assert statuses([wanted, other]) == [S.CANCELLED, S.COMPLETED]


@pytest.mark.parametrize("kind", Kind)
def test_a_handler_that_swallows_the_interrupt_gets_another(process: PoolProcess, add_type: Add, kind: Kind) -> None:
    swallowed: list[BaseException] = []

    def keep(error: BaseException) -> None:
        swallowed.append(error)
        if len(swallowed) == 2:
            raise error

    def plain(ctx: TaskContext, payload: Any) -> None:
        while True:
            try:
                time.sleep(60)
            except BaseException as error:
                keep(error)

    async def async_(ctx: TaskContext, payload: Any) -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except BaseException as error:
                keep(error)

    task_id = process.submit(add_type(plain if kind is Kind.PLAIN else async_))
    meanwhile(lambda: until(lambda: begun(task_id)), lambda: cancel([task_id]))
    process.take(task_id, kind=kind)
    process.settle()
    assert statuses([task_id]) == [S.CANCELLED]
    assert len(swallowed) == 2


def test_what_is_claimed_and_has_not_begun_ends_without_beginning(
    process: PoolProcess, add_type: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Message, "is_overdue", False)  # else it would be handed back, behind a handler that takes long
    ran: list[Any] = []

    def cancels_the_next(ctx: TaskContext, payload: Any) -> None:
        ran.append(ctx.task_id)
        if ctx.task_id == ids[1]:
            cancel([ids[2]])
            until(lambda: statuses([ids[2]]) == [S.CANCELLED])

    ids = process.submit(add_type(cancels_the_next), count=4)
    process.take(*ids)  # one, and then the three others in a slice
    process.settle()
    assert ran == [ids[0], ids[1], ids[3]]
    assert statuses(ids) == [S.COMPLETED, S.COMPLETED, S.CANCELLED, S.COMPLETED]
    assert TaskAttempt.objects.get(task_id=ids[2]).outcome == Outcome.CANCELLED


def test_a_coroutine_that_is_cancelled_before_its_first_step_ends_all_the_same(
    process: PoolProcess, add_type: Add
) -> None:
    blocks, go_on, entered = threading.Event(), threading.Event(), threading.Event()

    async def async_blocks_the_loop(ctx: TaskContext, payload: Any) -> None:
        blocks.set()
        go_on.wait(10)

    async def async_enters(ctx: TaskContext, payload: Any) -> None:
        entered.set()

    blocker = process.submit(add_type(async_blocks_the_loop))
    process.take(blocker, kind=Kind.ASYNC)
    assert blocks.wait(5)
    behind = process.submit(add_type(async_enters))
    process.take(behind, kind=Kind.ASYNC)
    cancel([behind])
    # The keeper knows of the request; the loop knows nothing of either yet.
    until(lambda: any(each.interrupt for each in process.keeper._holdings.begun()))
    go_on.set()
    process.settle()
    assert statuses([blocker, behind]) == [S.COMPLETED, S.CANCELLED]
    assert not entered.is_set()


def test_a_handler_learns_of_the_request_at_its_next_word(process: PoolProcess, add_type: Add) -> None:
    task_id = process.submit(add_type(async_says_a_word_when_interrupted))
    process.take(task_id, kind=Kind.ASYNC)
    cancel([task_id])
    process.settle()
    assert statuses([task_id]) == [S.CANCELLED]


def test_a_word_after_another_interrupt_is_no_request_to_cancel(
    process: PoolProcess, add_type: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.holding.DRAIN_SECONDS", 0.2)
    task_id = process.submit(add_type(async_says_a_word_when_interrupted))
    process.take(task_id, kind=Kind.ASYNC)
    process.node.stop()
    process.settle()
    assert statuses([task_id]) == [S.PENDING]
    assert TaskAttempt.objects.get().outcome == Outcome.RELEASED


async def async_says_a_word_when_interrupted(ctx: TaskContext, payload: Any) -> None:
    sleep = asyncio.create_task(asyncio.sleep(30))
    try:
        await asyncio.shield(sleep)
    except asyncio.CancelledError:
        sleep.cancel()
        ctx.progress(0.5)
