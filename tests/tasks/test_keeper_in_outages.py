"""The keeper while PostgreSQL cuts its connection or is away: nothing is lost, and nothing is done twice."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, LiteralString

import psycopg
import pytest
from django.db import connection
from psycopg.sql import SQL, Identifier

from tasks import database, holding
from tasks.context import TaskContext
from tasks.models import Task, TaskAttempt, TaskLog, Worker
from tasks.states import Kind, Outcome, TaskStatus
from tests.tasks.pool_process import PoolProcess, on_keepers_connections, statuses, until

pytestmark = [pytest.mark.broker, pytest.mark.django_db(transaction=True)]

S = TaskStatus
Add = Callable[..., str]


class Operator:
    """Ends the keeper's connection, and spares this thread's."""

    def __init__(self) -> None:
        options = connection.get_connection_params()
        self._name = options["dbname"]
        self._spared = database.run("SELECT pg_backend_pid()")[0][0]
        # From another database: nobody may close the one that he is in.
        self._connection = psycopg.connect(**options | {"dbname": "postgres"}, autocommit=True)

    def cut(self) -> int:
        """Returns how many connections were ended."""
        return self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
            [self._name, self._spared],
        ).rowcount

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Lets nobody in for a while."""
        self._allow("false")
        try:
            self.cut()
            yield
        finally:
            self._allow("true")

    def _allow(self, word: LiteralString) -> None:
        self._connection.execute(SQL("ALTER DATABASE {} ALLOW_CONNECTIONS " + word).format(Identifier(self._name)))

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def operator(transactional_db: None) -> Iterator[Operator]:
    operator = Operator()
    yield operator
    operator.close()


def begin(process: PoolProcess) -> PoolProcess:
    until(Worker.objects.exists)  # the keeper has its connection
    return process


@pytest.mark.parametrize("kind", Kind)
def test_a_connection_that_is_cut_again_and_again_loses_nothing(
    process: PoolProcess, operator: Operator, add_type: Add, kind: Kind
) -> None:
    cuts: list[int] = []

    def plain(ctx: TaskContext, payload: Any) -> None:
        ctx.log.info("is written together with the outcome")
        if ctx.task_id in ids[::5]:
            cuts.append(operator.cut())

    async def async_(ctx: TaskContext, payload: Any) -> None:
        plain(ctx, payload)

    ids = process.submit(add_type(plain if kind is Kind.PLAIN else async_), count=30)
    process.take(*ids, kind=kind)
    process.settle()
    assert sum(cuts) > 0
    assert statuses(ids) == [S.COMPLETED] * 30
    assert set(Task.objects.values_list("attempt", flat=True)) == {1}
    assert list(TaskAttempt.objects.values_list("outcome", flat=True)) == [Outcome.COMPLETED] * 30
    assert TaskLog.objects.count() == 30


@pytest.mark.parametrize("commits", [False, True])
def test_an_outcome_whose_commit_is_unknown_is_recorded_once(
    start_process: Callable[[], PoolProcess], commits: bool
) -> None:
    died: list[str] = []

    def die(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(sql, params, many, context)
        if "INSERT INTO tasks_taskattempt" in sql and not died:
            died.append(sql)
            if commits:
                context["connection"].connection.commit()
            context["connection"].connection.close()
        return result

    with on_keepers_connections(die):
        process = start_process()
        ids = process.submit("sample.noop", count=3)
        process.take(*ids)
        process.settle()
    assert died
    assert statuses(ids) == [S.COMPLETED] * 3
    assert TaskAttempt.objects.count() == 3


def test_a_database_that_is_away_is_waited_for(process: PoolProcess, operator: Operator, add_type: Add) -> None:
    begin(process)

    def meets_an_outage(ctx: TaskContext, payload: Any) -> None:
        if ctx.task_id == ids[0]:  # its own ending and the next claim come into it
            away.enter_context(operator.outage())
            timer.start()

    away = ExitStack()
    timer = threading.Timer(0.5, away.close)
    ids = process.submit(add_type(meets_an_outage), count=20)
    process.take(*ids)
    process.settle()
    assert statuses(ids) == [S.COMPLETED] * 20
    assert TaskAttempt.objects.count() == 20


def test_a_process_that_waits_for_its_database_leaves_the_processor_to_others(
    process: PoolProcess, operator: Operator
) -> None:
    begin(process)
    ids = process.submit("sample.noop", count=2)
    clock = time.pthread_getcpuclockid(process.keeper._thread.ident)  # type: ignore[arg-type]
    with operator.outage():
        taker = threading.Thread(target=process.keeper.claim, args=[ids], kwargs={"queue": "http", "alone": False})
        taker.start()
        until(lambda: process.keeper._pause > 0)
        spent, began = time.clock_gettime(clock), time.monotonic()
        threading.Event().wait(0.5)
        assert time.clock_gettime(clock) - spent < 0.3 * (time.monotonic() - began)
    taker.join(10)


def test_leases_are_renewed_first_thing_when_the_database_is_back(
    start_process: Callable[[], PoolProcess], operator: Operator, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "DRAIN_SECONDS", 0.1)  # at the test's end
    settings.LEASE_SECONDS = 12  # renewed each 2 s
    process = begin(start_process())
    process.take(process.submit("sample.async_work", {"seconds": 30}), kind=Kind.ASYNC)
    with operator.outage():
        process.keeper._renew_at = 0.0  # a renewal falls into it
        until(lambda: process.keeper._pause > 0)
    before = Task.objects.get().lease_expires_at
    until(lambda: Task.objects.get().lease_expires_at != before, timeout=1.0)


def test_an_outcome_that_outlives_its_lease_in_an_outage_is_recorded(
    start_process: Callable[[], PoolProcess], operator: Operator, add_type: Add, settings: Any
) -> None:
    settings.LEASE_SECONDS = 1
    process = begin(start_process())

    def meets_a_long_outage(ctx: TaskContext, payload: Any) -> str:
        away.enter_context(operator.outage())
        timer.start()
        return "done all the same"

    away = ExitStack()
    timer = threading.Timer(2.0, away.close)
    task_id = process.submit(add_type(meets_a_long_outage))
    process.take(task_id)
    process.settle()
    # Nobody reaped it meanwhile: whoever could was cut off as well, and waits for one renewal first.
    assert statuses([task_id]) == [S.COMPLETED]
    assert TaskAttempt.objects.get().result == "done all the same"


def test_work_that_goes_on_in_an_outage_is_stopped_before_its_lease_ends(
    start_process: Callable[[], PoolProcess], operator: Operator, add_type: Add, settings: Any
) -> None:
    settings.LEASE_SECONDS = 4
    stopped_after: list[float] = []
    process = begin(start_process())

    def goes_on(ctx: TaskContext, payload: Any) -> None:
        away.enter_context(operator.outage())
        began = time.monotonic()
        try:
            time.sleep(60)
        finally:
            stopped_after.append(time.monotonic() - began)
            away.close()

    away = ExitStack()
    task_id = process.submit(add_type(goes_on))
    process.take(task_id)
    process.settle()
    assert 0 < stopped_after[0] < 4
    assert statuses([task_id]) == [S.PENDING]
    assert TaskAttempt.objects.get().error_message == "handed back: the lease could not be renewed in time"


def test_a_worker_that_has_to_end_without_its_database_ends(
    start_process: Callable[[], PoolProcess], operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "DRAIN_SECONDS", 0.2)
    process = begin(start_process())
    ids = process.submit("sample.noop", count=2)
    process.keeper.claim(ids, queue="default", alone=False)
    with operator.outage():
        process.node.stop()
        began = time.monotonic()
        process.executor.shut_down(timeout=4)
        assert time.monotonic() - began < 4
        assert not process.keeper._thread.is_alive()
    assert statuses(ids) == [S.PROCESSING] * 2  # the reaper's
