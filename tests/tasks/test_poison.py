"""What a process does about handlers that harm it: memory, errors between handlers, signals, interrupts kept back."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tasks import execution, guarding, interrupts, memory
from tasks.context import TaskContext
from tasks.exceptions import Interrupted
from tasks.models import Task, TaskAttempt
from tasks.outcomes import Attempt
from tasks.states import FailureCategory, Kind, Outcome, TaskStatus
from tests.tasks.pool_process import PoolProcess, statuses, until

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

S = TaskStatus
Add = Callable[..., str]
KINDS = pytest.mark.parametrize("kind", Kind)


def last_attempt() -> TaskAttempt:
    return TaskAttempt.objects.latest("id")


# --- Memory -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def limit(settings: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """A limit 100 MiB above what the tests take, of which a third is to blame: MiB."""
    monkeypatch.setattr(memory.Memory, "is_to_blame", lambda self, before: self.used - before > 30 * memory.MIB)
    monkeypatch.setattr(memory, "FAR", 100.0)
    settings.WORKER_MEMORY_LIMIT = memory.resident() // memory.MIB + 100
    return int(settings.WORKER_MEMORY_LIMIT)


def fill(ctx: TaskContext, payload: Any) -> None:
    held = []
    while True:
        held.append(bytearray(b"x") * memory.MIB)
        time.sleep(0.002)


@KINDS
def test_who_takes_too_much_memory_is_stopped_and_what_waits_goes_to_others(
    limit: int, start_process: Callable[[], PoolProcess], add_type: Add, kind: Kind
) -> None:
    async def async_fill(ctx: TaskContext, payload: Any) -> None:
        held = []
        while True:
            held.append(bytearray(b"x") * memory.MIB)
            await asyncio.sleep(0.002)

    process = start_process()
    first = process.submit("sample.noop")
    bad = process.submit(add_type(fill if kind is Kind.PLAIN else async_fill), max_attempts=1)
    behind = process.submit("sample.noop", count=20)
    process.take(*([first] if kind is Kind.PLAIN else []), bad, *(behind if kind is Kind.PLAIN else []), kind=kind)
    process.settle()
    assert statuses([bad]) == [S.FAILED]
    attempt = TaskAttempt.objects.get(task_id=bad)
    assert (attempt.category, attempt.error_class) == (FailureCategory.CODE_ERROR, "MemoryReached")
    assert f"the limit is {limit:,} MiB (WORKER_MEMORY_LIMIT)" in attempt.error_message
    # The process takes no more: Celery puts another in its place.
    late = process.submit("sample.noop", count=2)
    process.take(*late)
    if kind is Kind.PLAIN:
        assert statuses([first, *behind]) == [S.COMPLETED] + [S.PENDING] * 20
        assert not any(task.failures for task in Task.objects.filter(id__in=behind))
    assert statuses(late) == [S.PENDING] * 2


def test_several_coroutines_are_not_blamed_for_what_one_of_them_takes(
    limit: int, start_process: Callable[[], PoolProcess], add_type: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    held: list[bytearray] = []

    async def async_fill(ctx: TaskContext, payload: Any) -> None:
        if ctx.task_id == ids[0]:
            held.append(bytearray(b"x") * (120 * memory.MIB))
        while not go_on.is_set():
            await asyncio.sleep(0.005)

    looks: list[int] = []
    relieve = guarding.Guard._relieve

    def count(self: guarding.Guard) -> int:
        looks.append(1)
        return relieve(self)

    monkeypatch.setattr(guarding.Guard, "_relieve", count)
    process = start_process()
    ids = process.submit(add_type(async_fill), count=3)
    process.take(*ids, kind=Kind.ASYNC)
    until(lambda: len(looks) > 2)
    go_on.set()
    process.settle()
    assert statuses(ids) == [S.COMPLETED] * 3


def test_nobody_is_blamed_for_memory_that_was_taken_before() -> None:
    seen = memory.Memory(max(1, memory.resident() // memory.MIB // 2))  # over it from the start
    seen.look()
    assert seen.is_over
    assert not seen.is_to_blame(before=seen.used - memory.MIB)


def test_without_a_limit_nothing_is_looked_at() -> None:
    none = memory.Memory(0)
    none.look()
    assert (none.used, none.is_over, none.is_far_over, none.was_over) == (0, False, False, False)


# --- Errors of our own ------------------------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("error", [MemoryError, RecursionError, SystemExit])
def test_an_error_between_handlers_gives_up_the_message_and_not_the_process(
    process: PoolProcess, monkeypatch: pytest.MonkeyPatch, kind: Kind, error: type[BaseException]
) -> None:
    def strikes(running: Any) -> bool:
        raise error

    ids = process.submit("sample.noop" if kind is Kind.PLAIN else "sample.async_noop", count=5)
    with monkeypatch.context() as patch:
        patch.setattr("tasks.registry.is_async", strikes)
        assert process.take(*ids, kind=kind)
    process.settle()
    assert statuses(ids) == [S.PENDING] * 5
    assert not any(task.failures for task in Task.objects.all())
    assert process.run("sample.noop").status == S.COMPLETED


@KINDS
def test_an_outcome_that_cannot_be_put_into_words_is_an_outcome(
    process: PoolProcess, add_type: Add, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    def plain(ctx: TaskContext, payload: Any) -> None:
        raise ValueError("of the handler")

    async def async_(ctx: TaskContext, payload: Any) -> None:
        raise ValueError("of the handler")

    real = Attempt.raised
    struck: list[BaseException] = []

    def strikes_once(self: Attempt, error: BaseException, *, at: float) -> Any:
        if not struck:
            struck.append(error)
            raise MemoryError
        return real(self, error, at=at)

    monkeypatch.setattr(Attempt, "raised", strikes_once)
    process.run(add_type(plain if kind is Kind.PLAIN else async_), max_attempts=1)
    assert last_attempt().error_message == "its outcome could not be put into words: MemoryError"


def test_a_process_that_is_told_to_end_hands_its_task_back_and_ends(
    process: PoolProcess, add_type: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_told(ctx: TaskContext, payload: Any) -> None:
        told.append(ctx.task_id)
        raise SystemExit  # as billiard's handler of SIGTERM does

    told: list[Any] = []
    monkeypatch.setattr(execution, "terminate_handler_fired", lambda: bool(told))
    ids = process.submit(add_type(is_told), count=3)
    with pytest.raises(SystemExit):
        process.take(*ids)
    process.settle()
    assert statuses(ids) == [S.PENDING] * 3
    assert list(TaskAttempt.objects.values_list("outcome", flat=True)) == [Outcome.RELEASED]


def test_a_keeper_that_ends_takes_its_process_with_it(
    start_process: Callable[[], PoolProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def ends(self: Any) -> None:
        raise SystemExit

    monkeypatch.setattr("os._exit", ended.append)
    monkeypatch.setattr("tasks.keeper.Keeper._run", ends)
    start_process()
    until(lambda: ended == [guarding.WEDGED_EXIT])


def test_a_coroutines_own_task_that_exits_does_not_end_the_event_loop(process: PoolProcess, add_type: Add) -> None:
    async def exits() -> None:
        raise SystemExit(3)

    async def async_starts_one(ctx: TaskContext, payload: Any) -> None:
        own = asyncio.get_running_loop().create_task(exits())
        await asyncio.wait([own])
        own.exception()

    beside = process.submit("sample.async_work", {"seconds": 0.3})
    process.take(beside, kind=Kind.ASYNC)
    assert process.run(add_type(async_starts_one)).status == S.COMPLETED
    assert process.run("sample.async_noop").status == S.COMPLETED
    assert statuses([beside]) == [S.COMPLETED]


# --- Interrupts that a handler catches --------------------------------------------------------------------------------


def test_an_error_that_was_made_of_an_interrupt_counts_as_that(process: PoolProcess, add_type: Add) -> None:
    def tidies_up_badly(ctx: TaskContext, payload: Any) -> None:
        try:
            time.sleep(30)
        finally:
            raise ValueError("while tidying up")

    process.run(add_type(tidies_up_badly), timeout=0.15)
    assert (last_attempt().category, last_attempt().error_class) == (FailureCategory.TIMEOUT, "TimeoutReached")


def test_a_connection_is_closed_though_the_handler_caught_the_interrupt(process: PoolProcess, add_type: Add) -> None:
    def goes_on(ctx: TaskContext, payload: Any) -> str:
        Task.objects.count()
        before.append(connection.connection)
        try:
            time.sleep(30)
        except Interrupted:
            return "went on"
        return ""

    def looks(ctx: TaskContext, payload: Any) -> None:
        Task.objects.count()
        after.append(connection.connection)

    before: list[Any] = []
    after: list[Any] = []
    process.run(add_type(goes_on), timeout=0.15)
    assert last_attempt().result == "went on"
    process.run(add_type(looks))
    assert before[0] is not after[0]


def test_an_interrupt_that_comes_for_one_task_does_not_stop_the_next(process: PoolProcess, add_type: Add) -> None:
    def asks_late(ctx: TaskContext, payload: Any) -> None:
        interrupts.ask_now()  # as a request for the task before it would, that came too late

    assert process.run(add_type(asks_late)).status == S.COMPLETED
