"""The life of an attempt, in a real process with a real keeper: what comes of what handlers do."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from tasks import interrupts, registry
from tasks.context import TaskContext
from tasks.holding import Running
from tasks.models import DeadLetter, Task, TaskAttempt, TaskLog
from tasks.states import FailureCategory, Outcome, TaskStatus
from tests.tasks.pool_process import NAME, PoolProcess, until

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

Add = Callable[..., str]
BOTH = pytest.mark.parametrize("work", ["sample.work", "sample.async_work"])
QUICK_TIMEOUT: dict[str, Any] = {"timeout": 0.15}


def last_attempt() -> TaskAttempt:
    return TaskAttempt.objects.latest("id")


@BOTH
def test_a_task_is_completed_with_its_result(process: PoolProcess, work: str) -> None:
    task = process.run(work)
    assert (task.status, task.attempt, task.worker) == (TaskStatus.COMPLETED, 1, NAME)
    attempt = last_attempt()
    assert (attempt.number, attempt.outcome, attempt.result) == (1, Outcome.COMPLETED, "done")
    assert (attempt.worker, attempt.incarnation) == (NAME, process.keeper.incarnation)


@BOTH
def test_a_failed_task_is_tried_again_until_it_succeeds(process: PoolProcess, work: str) -> None:
    task = process.run(work, {"fail_until": 1, "category": "connection"})
    assert task.status == TaskStatus.RETRYING
    attempt = last_attempt()
    assert (attempt.outcome, attempt.category) == (Outcome.FAILED, FailureCategory.CONNECTION)
    assert (attempt.error_class, attempt.error_message) == ("TaskFailed", "attempt 1 fails")
    assert "in _fail" in attempt.traceback
    Task.objects.update(status=TaskStatus.QUEUED)
    process.take(task.id, kind=registry.get(work).kind)
    process.settle()
    task.refresh_from_db()
    assert (task.status, task.attempt, TaskAttempt.objects.count()) == (TaskStatus.COMPLETED, 2, 2)


@BOTH
def test_a_task_that_fails_for_good_leaves_a_dead_letter(process: PoolProcess, work: str) -> None:
    task = process.run(work, {"fail_until": 9}, max_attempts=1)
    assert task.status == TaskStatus.FAILED
    letter = DeadLetter.objects.get()
    assert (letter.task_id, letter.category, letter.attempts) == (task.id, FailureCategory.CODE_ERROR, 1)


def test_a_failure_that_names_a_delay_is_obeyed(process: PoolProcess) -> None:
    task = process.run("sample.work", {"fail_until": 1, "retry_after": 60})
    assert task.started_at is not None
    assert (task.run_at - task.started_at).total_seconds() > 55


@BOTH
@pytest.mark.parametrize("payload", [{}, {"fail_until": 9}], ids=["completed", "failed"])
def test_nothing_is_kept_of_attempts_that_have_ended(process: PoolProcess, work: str, payload: dict[str, Any]) -> None:
    for _ in range(3):
        process.run(work, payload)

    def kept() -> int:
        gc.collect()
        return sum(isinstance(each, Running) for each in gc.get_objects())

    until(lambda: kept() == 0)


# --- Results ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("set", "JSON cannot hold it"),
        ("nan", "JSON cannot hold it"),
        ("huge", "the limit is 1,048,576 bytes (RESULT_LIMIT)"),
    ],
)
def test_a_result_that_cannot_be_stored_is_an_error_of_the_code(process: PoolProcess, what: str, says: str) -> None:
    task = process.run("sample.returns", {"what": what}, max_attempts=1)
    attempt = last_attempt()
    assert (task.status, attempt.category) == (TaskStatus.FAILED, FailureCategory.CODE_ERROR)
    assert says in attempt.error_message
    assert attempt.result is None


@pytest.mark.parametrize(
    ("what", "stored"),
    [("nul", "a\\u0000b"), ("surrogate", "a\\ud800b"), ("deep", None)],
    ids=["nul", "surrogate", "-"],
)
def test_what_no_database_holds_is_written_out(process: PoolProcess, what: str, stored: Any) -> None:
    task = process.run("sample.returns", {"what": what})
    assert (task.status, last_attempt().result) == (TaskStatus.COMPLETED, stored)


def test_errors_of_any_text_and_class_are_stored(process: PoolProcess, add_type: Add) -> None:
    def fails(ctx: TaskContext, payload: Any) -> None:
        ctx.log.error("nul \x00 and \ud800", field="\x00\ud800")
        raise type("Long" * 100, (Exception,), {})("nul \x00 and \ud800 " + "x" * 100_000)

    task = process.run(add_type(fails), max_attempts=1)
    attempt = last_attempt()
    assert (task.status, attempt.category) == (TaskStatus.FAILED, FailureCategory.CODE_ERROR)
    assert attempt.error_class.startswith("LongLong")
    assert attempt.error_message.startswith("nul \\x00 and \\ud800 xxx")
    assert TaskLog.objects.get().message == "nul \\x00 and \\ud800"


# --- What no handler should do ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [SystemExit, MemoryError, KeyboardInterrupt, GeneratorExit, RecursionError])
@pytest.mark.parametrize("kind", ["plain", "async"])
def test_no_error_of_a_handler_ends_the_process(
    process: PoolProcess, add_type: Add, kind: str, error: type[BaseException]
) -> None:
    def plain(ctx: TaskContext, payload: Any) -> None:
        raise error("of the handler")

    async def async_(ctx: TaskContext, payload: Any) -> None:
        raise error("of the handler")

    task = process.run(add_type(plain if kind == "plain" else async_), max_attempts=1)
    assert (task.status, last_attempt().error_class) == (TaskStatus.FAILED, error.__name__)
    assert process.run("sample.noop" if kind == "plain" else "sample.async_noop").status == TaskStatus.COMPLETED


def test_a_payload_that_does_not_fit_harms_only_its_task(process: PoolProcess) -> None:
    bad = process.submit("sample.work", {"seconds": "many"})
    good = process.submit("sample.work")
    process.take(bad, good)
    process.settle()
    assert Task.objects.get(id=bad).status == TaskStatus.FAILED
    assert DeadLetter.objects.get().category == FailureCategory.INVALID_PAYLOAD
    assert Task.objects.get(id=good).status == TaskStatus.COMPLETED


def test_a_type_that_is_unknown_here_is_handed_back_and_does_not_count(process: PoolProcess) -> None:
    task = process.run("nobody.knows")
    assert (task.status, task.failures) == (TaskStatus.RETRYING, 0)
    assert task.started_at is not None
    assert 3 < (task.run_at - task.started_at).total_seconds() < 10
    attempt = last_attempt()
    assert (attempt.outcome, attempt.category) == (Outcome.RELEASED, FailureCategory.UNKNOWN_TYPE)
    assert "nobody.knows" in attempt.error_message


# --- Timeouts ---------------------------------------------------------------------------------------------------------


@BOTH
def test_a_handler_is_interrupted_at_its_timeout(process: PoolProcess, work: str) -> None:
    began = time.monotonic()
    task = process.run(work, {"seconds": 30}, max_attempts=1, **QUICK_TIMEOUT)
    assert time.monotonic() - began < 5
    attempt = last_attempt()
    assert (task.status, attempt.category) == (TaskStatus.FAILED, FailureCategory.TIMEOUT)
    assert (attempt.error_class, attempt.error_message) == (
        "TimeoutReached", "it ran longer than its timeout of 0.15 s",
    )  # fmt: skip


def test_a_handler_that_swallows_exceptions_is_interrupted_all_the_same(process: PoolProcess) -> None:
    process.run("sample.harm", {"how": "swallow"}, **QUICK_TIMEOUT)
    assert last_attempt().error_class == "TimeoutReached"


def test_a_handler_that_swallows_even_an_interrupt_gets_another(
    process: PoolProcess, add_type: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupts, "REPEAT", 0.05)
    swallowed = []

    def stubborn(ctx: TaskContext, payload: Any) -> None:
        while True:
            try:
                time.sleep(10)
            except BaseException as error:
                swallowed.append(error)
                if len(swallowed) == 3:
                    raise

    process.run(add_type(stubborn), **QUICK_TIMEOUT)
    assert (len(swallowed), last_attempt().error_class) == (3, "TimeoutReached")


def test_a_busy_handler_is_interrupted(process: PoolProcess, add_type: Add) -> None:
    def busy(ctx: TaskContext, payload: Any) -> None:
        while True:
            sum(range(1_000))

    process.run(add_type(busy), **QUICK_TIMEOUT)
    assert last_attempt().category == FailureCategory.TIMEOUT


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_timeout_of_the_handlers_own_is_told_from_ours(process: PoolProcess, add_type: Add, kind: str) -> None:
    def plain(ctx: TaskContext, payload: Any) -> None:
        raise TimeoutError("the server's")

    async def async_(ctx: TaskContext, payload: Any) -> None:
        raise TimeoutError("the server's")

    process.run(add_type(plain if kind == "plain" else async_))
    attempt = last_attempt()
    assert (attempt.category, attempt.error_class) == (FailureCategory.TIMEOUT, "TimeoutError")


def test_an_interrupted_handlers_connection_is_not_handed_to_the_next(process: PoolProcess, add_type: Add) -> None:
    def in_mid_statement(ctx: TaskContext, payload: Any) -> None:
        list(Task.objects.raw("SELECT id FROM tasks_task"))
        while True:
            Task.objects.count()

    def reads(ctx: TaskContext, payload: Any) -> int:
        return Task.objects.count()

    for _ in range(2):
        process.run(add_type(in_mid_statement), **QUICK_TIMEOUT)
        assert last_attempt().error_class == "TimeoutReached"
        assert process.run(add_type(reads)).status == TaskStatus.COMPLETED


def test_no_interrupt_comes_after_the_handlers_end(process: PoolProcess) -> None:
    process.run("sample.noop", timeout=0.05)
    over = threading.Event()
    over.wait(0.1)  # past the timeout of what is over
    assert process.run("sample.work", {"seconds": 0.05}).status == TaskStatus.COMPLETED


# --- What handlers say ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_lines_and_progress_are_written_while_the_handler_runs(process: PoolProcess, add_type: Add, kind: str) -> None:
    seen: list[Any] = []

    def look(ctx: TaskContext) -> None:
        ctx.log.info("begun", rows=3)
        ctx.progress(0.25, "a quarter")
        deadline = time.monotonic() + 5
        while not (TaskLog.objects.exists() and Task.objects.get().progress) and time.monotonic() < deadline:
            time.sleep(0.01)
        task = Task.objects.get()
        seen.append((task.status, task.progress, task.progress_text))
        ctx.log.warning("done")

    def plain(ctx: TaskContext, payload: Any) -> None:
        try:
            look(ctx)
        finally:
            connection.close()

    async def async_(ctx: TaskContext, payload: Any) -> None:
        await asyncio.to_thread(plain, ctx, payload)

    task = process.run(add_type(plain if kind == "plain" else async_))
    assert seen == [(TaskStatus.PROCESSING, 0.25, "a quarter")]
    assert task.status == TaskStatus.COMPLETED
    lines = TaskLog.objects.order_by("id").values_list("task_id", "attempt", "level", "message", "fields")
    assert list(lines) == [(task.id, 1, "info", "begun", {"rows": 3}), (task.id, 1, "warning", "done", {})]
