"""The keeper's thread: drains, fences and bad outcomes, heartbeats."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tasks import holding
from tasks.context import TaskContext
from tasks.models import Task, TaskAttempt, TaskEvent, Worker
from tasks.states import EventKind, FailureCategory, Kind, Outcome, TaskStatus
from tests.tasks.pool_process import NAME, PoolProcess, begun, kind_of, meanwhile, statuses, until
from tests.tasks.rows import HOLDER, STRANGER, claimed

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

S = TaskStatus
Add = Callable[..., str]
BOTH = pytest.mark.parametrize("work", ["sample.work", "sample.async_work"])


# --- Drain ------------------------------------------------------------------------------------------------------------


def test_a_drain_finishes_what_runs_and_hands_back_the_rest(process: PoolProcess, add_type: Add) -> None:
    def third_one_hears_of_it(ctx: TaskContext, payload: Any) -> None:
        if ctx.task_id == ids[2]:
            process.node.stop()
            until(lambda: process.keeper.draining)

    ids = process.submit(add_type(third_one_hears_of_it), count=15)
    process.take(*ids)
    process.settle()
    assert statuses(ids) == [S.COMPLETED] * 3 + [S.PENDING] * 12
    # Nine were claimed, in slices of one and of eight; six were not begun, and six were never claimed.
    assert [row.outcome for row in TaskAttempt.objects.order_by("task_id")] == ["completed"] * 3 + ["released"] * 6
    rows = list(Task.objects.order_by("id"))
    assert [(row.attempt, row.failures) for row in rows] == [(1, 1)] * 3 + [(1, 0)] * 6 + [(0, 0)] * 6


@BOTH
def test_what_still_runs_at_the_end_of_a_drain_is_interrupted_and_handed_back(
    process: PoolProcess, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "DRAIN_SECONDS", 0.2)
    task_id = process.submit(work, {"seconds": 30})
    meanwhile(lambda: until(lambda: begun(task_id)), process.node.stop)
    began = time.monotonic()
    process.take(task_id, kind=kind_of(work))
    process.settle()
    assert 0.2 < time.monotonic() - began < 5
    task = Task.objects.get()
    assert (task.status, task.attempt, task.failures) == (S.PENDING, 1, 0)
    attempt = TaskAttempt.objects.get()
    assert (attempt.outcome, attempt.error_message) == (Outcome.RELEASED, "handed back: the worker is stopping")


@BOTH
def test_what_ends_within_the_drain_is_completed(process: PoolProcess, work: str) -> None:
    task_id = process.submit(work, {"seconds": 0.2})
    meanwhile(lambda: until(lambda: begun(task_id)), process.node.stop)
    process.take(task_id, kind=kind_of(work))
    process.settle()
    assert statuses([task_id]) == [S.COMPLETED]


@pytest.mark.parametrize("kind", Kind)
def test_a_message_that_comes_during_a_drain_goes_back_whole(process: PoolProcess, kind: Kind) -> None:
    process.node.stop()
    until(lambda: process.keeper.draining)
    ids = process.submit("sample.noop", count=3)
    process.take(*ids, kind=kind)
    assert statuses(ids) == [S.PENDING] * 3
    assert not TaskAttempt.objects.exists()


def test_a_worker_that_was_stopped_says_so_in_its_row(start_process: Callable[[], PoolProcess]) -> None:
    process = start_process()
    until(lambda: Worker.objects.exists())
    assert Worker.objects.get().stopped_at is None
    process.node.stop()
    process.end()
    assert Worker.objects.get().stopped_at is not None


# --- Fences and bad outcomes ------------------------------------------------------------------------------------------


def test_an_outcome_of_a_task_that_somebody_else_has_is_dropped(process: PoolProcess, add_type: Add) -> None:
    def loses_it(ctx: TaskContext, payload: Any) -> None:
        Task.objects.filter(id=ctx.task_id).update(incarnation=STRANGER, attempt=2)

    task = process.run(add_type(loses_it))
    assert (task.status, task.incarnation, task.attempt) == (S.PROCESSING, STRANGER, 2)
    assert not TaskAttempt.objects.exists()
    assert TaskEvent.objects.get().kind == EventKind.REFUSED


@pytest.mark.usefixtures("quick_leases")
def test_a_process_renews_nothing_of_another_that_had_its_name(start_process: Callable[[], PoolProcess]) -> None:
    [orphan] = claimed(1, lease=2)  # of a worker with this name and pid, before the container was started anew
    Task.objects.filter(id=orphan.id).update(worker=NAME)
    before = Task.objects.get(id=orphan.id).lease_expires_at
    process = start_process()
    process.take(process.submit("sample.work", {"seconds": 1}))  # several renewals long
    process.settle()
    task = Task.objects.get(id=orphan.id)
    assert (task.lease_expires_at, task.incarnation) == (before, HOLDER)


@pytest.mark.usefixtures("quick_leases")
@BOTH
def test_work_whose_lease_cannot_be_renewed_is_stopped(start_process: Callable[[], PoolProcess], work: str) -> None:
    process = start_process()
    task_id = process.submit(work, {"seconds": 30})

    meanwhile(
        lambda: until(lambda: begun(task_id)),
        lambda: Task.objects.update(incarnation=STRANGER, attempt=2),
    )
    began = time.monotonic()
    process.take(task_id, kind=kind_of(work))
    process.settle()
    assert time.monotonic() - began < 5
    assert begun(task_id)


def test_an_outcome_that_the_database_refuses_does_not_hold_up_the_others(process: PoolProcess) -> None:
    ids = process.submit("sample.noop", count=5)
    for number, running in enumerate(process.keeper.claim(ids, queue="default", alone=False)):
        ending = running.attempt.completed({"number": number}, at=time.monotonic())
        if number == 2:
            ending.result = "{this is no JSON"
        assert process.keeper.begin(running, stop=lambda: None)
        process.keeper.end(running, ending)
    process.settle()
    assert statuses(ids) == [S.COMPLETED] * 2 + [S.RETRYING] + [S.COMPLETED] * 2
    attempt = TaskAttempt.objects.get(task_id=ids[2])
    assert (attempt.category, attempt.error_class) == (FailureCategory.CODE_ERROR, "ValueError")
    assert attempt.error_message.startswith("the database refused the outcome: ")


def test_an_outcome_that_is_refused_in_any_form_is_left_to_the_reaper(process: PoolProcess) -> None:
    ids = process.submit("sample.noop", count=3)
    TaskAttempt.objects.create(
        task_id=ids[0], number=1, outcome=Outcome.LOST, started_at=Task.objects.first().run_at,  # type: ignore[union-attr]
        finished_at=Task.objects.first().run_at,  # type: ignore[union-attr]
    )  # fmt: skip
    process.take(*ids)
    process.settle()
    assert statuses(ids) == [S.PROCESSING, S.COMPLETED, S.COMPLETED]
    assert process.run("sample.noop").status == S.COMPLETED


def test_the_first_ending_counts(process: PoolProcess) -> None:
    task_id = process.submit("sample.noop")
    [running] = process.keeper.claim([task_id], queue="default", alone=False)
    process.keeper.end(running, running.attempt.released(at=time.monotonic()))
    process.keeper.end(running, running.attempt.completed(None, at=time.monotonic()))
    assert not process.keeper.begin(running, stop=lambda: None)
    process.settle()
    assert statuses([task_id]) == [S.PENDING]


# --- Heartbeats -------------------------------------------------------------------------------------------------------


def test_a_process_says_who_it_is_and_how_long_its_types_take(process: PoolProcess) -> None:
    process.run("sample.work", {"seconds": 0.05})
    until(lambda: Worker.objects.filter(means__has_key="sample.work").exists())
    worker = Worker.objects.get()
    assert (worker.name, worker.queues) == (NAME, ["default.plain", "default.async"])
    assert 50 <= worker.means["sample.work"] < 500
    assert (worker.types["sample.work"], worker.types["sample.async_work"]) == (Kind.PLAIN, Kind.ASYNC)
    assert worker.last_task_at is not None


@pytest.mark.parametrize("lease", [3, 5, 6, 10, 30])
def test_the_dead_mans_switch_stands_between_renewals_and_the_end_of_the_lease(
    start_process: Callable[[], PoolProcess], settings: Any, monkeypatch: pytest.MonkeyPatch, lease: int
) -> None:
    armed: list[float] = []
    monkeypatch.setattr("faulthandler.dump_traceback_later", lambda seconds, **_: armed.append(seconds))
    settings.LEASE_SECONDS = lease
    start_process().run("sample.noop")
    assert lease * 3 / 4 < armed[0] < lease  # handlers are interrupted at three quarters of it
