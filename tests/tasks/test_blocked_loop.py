"""A coroutine that does not let go of the event loop: it is named, and pays for it instead of the others."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tasks import holding, loop_watch
from tasks.context import TaskContext
from tasks.models import TaskAttempt, TaskLog
from tasks.states import FailureCategory, Kind, Outcome, TaskStatus
from tests.tasks.pool_process import PoolProcess, statuses, until

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

Add = Callable[..., str]


@pytest.fixture
def go_on() -> Any:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def blocks(add_type: Add, go_on: threading.Event, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(loop_watch, "LONGEST_LAG", 0.3)

    async def async_blocks(ctx: TaskContext, payload: Any) -> None:
        a_plain_call_that_takes_long(go_on)

    return add_type(async_blocks)


def a_plain_call_that_takes_long(go_on: threading.Event) -> None:
    go_on.wait(20)


def test_what_blocks_the_loop_is_named_with_its_stack(
    process: PoolProcess, blocks: str, go_on: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    beside = process.submit("sample.async_work", {"seconds": 0.05})
    blocker = process.submit(blocks)
    process.take(beside, kind=Kind.ASYNC)
    process.take(blocker, kind=Kind.ASYNC)
    until(TaskLog.objects.exists)
    go_on.set()
    process.settle()
    line = TaskLog.objects.get()  # once, however long it takes
    assert (line.task_id, line.level) == (blocker, "warning")
    assert "kept the event loop from the other coroutines" in line.message
    assert "a_plain_call_that_takes_long" in line.fields["stack"]
    [warned] = [record.message for record in caplog.records if record.name == "tasks.loop_watch"]
    assert f"type {blocks} blocks the event loop" in warned
    assert "a_plain_call_that_takes_long" in warned
    assert statuses([beside, blocker]) == [TaskStatus.COMPLETED] * 2


def test_a_task_that_the_handler_made_for_itself_is_its_own(
    process: PoolProcess, add_type: Add, go_on: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_watch, "LONGEST_LAG", 0.3)

    async def inner() -> None:
        a_plain_call_that_takes_long(go_on)

    async def async_outer(ctx: TaskContext, payload: Any) -> None:
        await asyncio.gather(inner(), asyncio.sleep(0))

    task = process.submit(add_type(async_outer))
    process.take(task, kind=Kind.ASYNC)
    until(TaskLog.objects.exists)
    go_on.set()
    process.settle()
    assert TaskLog.objects.get().task_id == task


def test_a_loop_that_is_free_is_said_nothing_of(
    process: PoolProcess, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ids = process.submit("sample.async_work", {"seconds": 2.5}, count=3)  # longer than a lag may be
    process.take(*ids, kind=Kind.ASYNC)
    process.settle()
    assert not TaskLog.objects.exists()
    assert "event loop" not in caplog.text


def test_who_blocks_the_loop_is_charged_and_who_waits_for_it_is_not(
    process: PoolProcess, blocks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def end(code: int) -> None:
        if not ended:
            process.keeper._recorder.record()
            ended.append(code)

    monkeypatch.setattr(holding, "GRACE", 0.5)
    monkeypatch.setattr(process.keeper, "_end_process", end)
    beside = process.submit("sample.async_work", {"seconds": 30}, timeout=0.2)
    blocker = process.submit(blocks, timeout=60, max_attempts=1)
    process.take(beside, kind=Kind.ASYNC)
    process.take(blocker, kind=Kind.ASYNC)
    until(lambda: ended)
    assert statuses([beside, blocker]) == [TaskStatus.PENDING, TaskStatus.FAILED]
    assert TaskAttempt.objects.get(task_id=beside).outcome == Outcome.RELEASED
    charged = TaskAttempt.objects.get(task_id=blocker)
    assert charged.category == FailureCategory.TIMEOUT
    assert "kept the event loop from all others" in charged.error_message
