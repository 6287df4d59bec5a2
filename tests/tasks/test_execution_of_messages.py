"""What a process does with a message: slices and places, what goes back, suspects, and when it is done with it."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from tasks import execution
from tasks.context import TaskContext
from tasks.models import Task, TaskAttempt
from tasks.states import Kind, TaskStatus
from tests.tasks.pool_process import PoolProcess, statuses, until
from tests.tasks.rows import a_task

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

S = TaskStatus
Add = Callable[..., str]


class Gate:
    """Coroutines that wait for a word of the test, and how many of them are waiting."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.inside = self.most = 0

    async def async_wait(self, ctx: TaskContext, payload: Any) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        while not self.open.is_set():
            await asyncio.sleep(0.005)
        self.inside -= 1


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


@pytest.fixture
def waits(add_type: Add, gate: Gate) -> str:
    async def async_wait(ctx: TaskContext, payload: Any) -> None:
        await gate.async_wait(ctx, payload)

    return add_type(async_wait)


# --- What is claimed --------------------------------------------------------------------------------------------------


def test_only_what_is_still_queued_here_is_executed(process: PoolProcess) -> None:
    ids = [a_task(status, type="sample.noop").id for status in TaskStatus]
    elsewhere = a_task(S.QUEUED, type="sample.noop", queue="http").id
    before = statuses(ids)
    assert process.take(*ids, elsewhere, uuid.uuid4())
    process.settle()
    assert statuses(ids) == [S.COMPLETED if status == S.QUEUED else status for status in before]
    assert statuses([elsewhere]) == [S.QUEUED]


@pytest.mark.parametrize(("known", "kind"), [(True, Kind.PLAIN), (True, Kind.ASYNC), (False, Kind.PLAIN)])
def test_a_message_is_a_stray_only_if_none_of_its_tasks_exists(process: PoolProcess, known: bool, kind: Kind) -> None:
    finished = [a_task(S.COMPLETED).id] if known else []
    assert process.take(uuid.uuid4(), *finished, kind=kind) is known


@pytest.mark.parametrize(("hours", "late"), [(1, False), (25, True)])
def test_a_message_of_tasks_that_were_cleaned_up_is_a_late_one_and_no_stray(
    process: PoolProcess, hours: int, late: bool, caplog: pytest.LogCaptureFixture
) -> None:
    made = int((time.time() - hours * 3600) * 1000)
    gone = uuid.UUID(int=made << 80 | 0x7 << 76 | 0b10 << 62 | 12345)
    with caplog.at_level("INFO", logger="tasks.execution"):
        assert process.take(gone, uuid7()) is late
    assert ("too late" in caplog.text) is late


def test_a_second_message_with_the_same_tasks_does_nothing(process: PoolProcess) -> None:
    ids = process.submit("sample.noop", count=5)
    for _ in range(2):
        process.take(*ids)
    process.settle()
    assert TaskAttempt.objects.count() == 5


# --- Plain handlers ---------------------------------------------------------------------------------------------------


def test_tasks_are_executed_in_the_messages_order(process: PoolProcess, add_type: Add) -> None:
    seen: list[uuid.UUID] = []

    def note(ctx: TaskContext, payload: Any) -> None:
        seen.append(ctx.task_id)

    ids = process.submit(add_type(note), count=30)[::-1]
    process.take(*ids)
    assert seen == ids


@pytest.mark.parametrize(("careful", "slices"), [(False, [1, 8]), (True, [1] * 9)])
def test_slices_grow_unless_the_message_may_have_killed_a_process(
    process: PoolProcess, add_type: Add, careful: bool, slices: list[int]
) -> None:
    claims: list[Any] = []

    def look(ctx: TaskContext, payload: Any) -> None:
        claims.append(Task.objects.exclude(attempt=0).count())

    ids = process.submit(add_type(look), count=9)
    process.take(*ids, careful=careful)
    process.settle()
    assert statuses(ids) == [S.COMPLETED] * 9
    # Each handler saw how many were claimed by then: all of its slice and of those before.
    assert claims == [sum(slices[: number + 1]) for number, size in enumerate(slices) for _ in range(size)]


@pytest.mark.parametrize(("careful", "at_first"), [(False, 9), (True, 1)])
def test_the_next_message_of_a_known_type_is_claimed_at_once(
    process: PoolProcess, add_type: Add, careful: bool, at_first: int
) -> None:
    claims: list[int] = []

    def look(ctx: TaskContext, payload: Any) -> None:
        claims.append(Task.objects.filter(id__in=second).exclude(attempt=0).count())

    second: list[uuid.UUID] = []
    type_name = add_type(look)
    for _ in range(2):  # the first tells how long it takes, the second is of a type that is known
        process.take(*process.submit(type_name, count=2))
    process.settle()
    second = process.submit(type_name, count=9)
    claims.clear()
    process.take(*second, careful=careful)
    process.settle()
    assert statuses(second) == [S.COMPLETED] * 9
    assert claims[0] == at_first


# --- Coroutines -------------------------------------------------------------------------------------------------------


def test_coroutines_run_together_beyond_their_messages(process: PoolProcess, waits: str, gate: Gate) -> None:
    first, second = process.submit(waits, count=3), process.submit(waits, count=2)
    process.take(*first, kind=Kind.ASYNC)
    process.take(*second, kind=Kind.ASYNC)
    until(lambda: gate.inside == 5)
    assert statuses(first + second) == [S.PROCESSING] * 5
    gate.open.set()
    process.settle()
    assert statuses(first + second) == [S.COMPLETED] * 5


def test_no_more_coroutines_run_at_once_than_there_are_places(
    process: PoolProcess, settings: Any, waits: str, gate: Gate
) -> None:
    settings.COROUTINES_PER_PROCESS = 2
    ids = process.submit(waits, count=5)
    threading.Timer(0.1, gate.open.set).start()
    process.take(*ids, kind=Kind.ASYNC)
    process.settle()
    assert (statuses(ids), gate.most) == ([S.COMPLETED] * 5, 2)


def test_where_no_place_comes_free_others_get_the_rest(
    process: PoolProcess, settings: Any, waits: str, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.COROUTINES_PER_PROCESS = 2
    monkeypatch.setattr(execution, "PLACE_BUDGET", 0.1)
    ids = process.submit(waits, count=5)
    process.take(*ids, kind=Kind.ASYNC)
    assert statuses(ids) == [S.PROCESSING] * 2 + [S.PENDING] * 3


# --- Suspects ---------------------------------------------------------------------------------------------------------


def test_a_suspect_waits_until_the_process_has_nothing_else(
    process: PoolProcess, waits: str, gate: Gate, add_type: Add
) -> None:
    seen: list[tuple[int, bool]] = []

    def look(ctx: TaskContext, payload: Any) -> None:
        seen.append((process.keeper.held, Task.objects.get(id=ctx.task_id).alone))

    others = process.submit(waits, count=2)
    process.take(*others, kind=Kind.ASYNC)
    suspect = process.submit(add_type(look))
    threading.Timer(0.1, gate.open.set).start()
    process.take(suspect, alone=True)
    process.settle()
    assert seen == [(1, True)]
    assert statuses([*others, suspect]) == [S.COMPLETED] * 3


def test_a_coroutine_that_is_a_suspect_has_the_process_until_it_is_over(
    process: PoolProcess, waits: str, gate: Gate
) -> None:
    suspect = process.submit(waits)
    threading.Timer(0.1, gate.open.set).start()
    process.take(suspect, kind=Kind.ASYNC, alone=True)
    assert gate.open.is_set()
    process.settle()
    assert statuses([suspect]) == [S.COMPLETED]


@pytest.mark.parametrize(("type_name", "line"), [("sample.async_noop", Kind.PLAIN), ("sample.noop", Kind.ASYNC)])
def test_a_type_that_changed_its_kind_is_executed_on_the_other_line_too(
    process: PoolProcess, type_name: str, line: Kind
) -> None:
    task_id = process.submit(type_name)
    assert process.take(task_id, kind=line)
    process.settle()
    assert statuses([task_id]) == [S.COMPLETED]
