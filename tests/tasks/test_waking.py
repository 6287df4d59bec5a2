"""How the dispatcher's sleep ends: by a submit, by a stop or by the clock."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from tasks import database
from tasks.leadership import COORDINATOR
from tasks.models import Leadership, Task
from tasks.services import submit_task
from tasks.waking import Waker
from tests.tasks.rows import lead, queues

pytestmark = [pytest.mark.django_db(transaction=True)]

LONG = 5.0


@pytest.fixture
def waker() -> Iterator[Waker]:
    waker = Waker()
    yield waker
    waker.close()


@pytest.fixture
def listening(waker: Waker) -> Waker:
    lead()
    queues("default")
    Leadership.objects.update(idle=True)
    assert not waker.wait(0.01, threading.Event())
    return waker


def seconds_of(waker: Waker, timeout: float = LONG) -> tuple[bool, float]:
    began = time.monotonic()
    return waker.wait(timeout, threading.Event()), time.monotonic() - began


@pytest.mark.database
@pytest.mark.parametrize("timeout", [-1.0, 0.0, 0.05])
def test_a_sleep_that_nothing_ends_lasts_as_long_as_was_said(waker: Waker, timeout: float) -> None:
    waker.wait(0.03, threading.Event())  # the first one may end at once: nobody knows what was written before it
    woken, seconds = seconds_of(waker, timeout)
    assert not woken
    assert max(0.0, timeout) <= seconds + 0.001 < timeout + 1.5


# --- SQLite -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def watching(waker: Waker) -> Waker:
    if database.is_postgresql():
        pytest.skip("PostgreSQL notifies")
    lead()
    queues("default")
    assert not waker.wait(0.1, threading.Event())
    return waker


def elsewhere(work: Callable[[], object]) -> threading.Thread:
    """Does something by a connection of its own."""

    def do() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=do)
    thread.start()
    return thread


def submit() -> None:
    submit_task(type="sample.noop")


def test_a_stop_ends_the_sleep(watching: Waker) -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    assert not watching.wait(LONG, stop)
    assert time.monotonic() - began < LONG / 2


def test_what_another_connection_writes_ends_the_sleep(watching: Waker) -> None:
    assert watching.can_be_woken
    timer = threading.Timer(0.1, lambda: elsewhere(submit).join())
    timer.start()
    assert seconds_of(watching)[1] < LONG / 2
    timer.join()
    assert Task.objects.count() == 1


def test_what_was_written_before_the_sleep_ends_it_as_well_and_only_once(watching: Waker) -> None:
    elsewhere(submit).join()
    assert seconds_of(watching)[1] < LONG / 2
    assert seconds_of(watching, 0.2)[1] >= 0.2


def test_what_is_not_committed_and_what_the_dispatcher_writes_itself_end_nothing(watching: Waker) -> None:
    def submit_and_take_back() -> None:
        with transaction.atomic():
            submit()
            transaction.set_rollback(True)

    elsewhere(submit_and_take_back).join()
    submit()
    database.notify_if_idle(COORDINATOR)  # does nothing, and does not fail
    assert seconds_of(watching, 0.2)[1] >= 0.2


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.mark.broker
def test_a_submit_ends_the_sleep_at_once(listening: Waker) -> None:
    assert listening.can_be_woken
    submit_task(type="sample.noop")
    woken, seconds = seconds_of(listening)
    assert woken
    assert seconds < 1


@pytest.mark.broker
def test_a_submit_during_the_sleep_ends_it_when_it_commits(listening: Waker) -> None:
    def submit() -> None:
        try:
            with transaction.atomic():
                submit_task(type="sample.noop")
                threading.Event().wait(0.2)
        finally:
            connection.close()

    thread = threading.Thread(target=submit)
    thread.start()
    woken, seconds = seconds_of(listening)
    thread.join()
    assert woken
    assert 0.15 < seconds < 2


@pytest.mark.broker
@pytest.mark.parametrize("why", ["the dispatcher is awake", "it was rolled back"])
def test_nobody_is_woken_for_nothing(listening: Waker, why: str) -> None:
    if why == "the dispatcher is awake":
        Leadership.objects.update(idle=False)
    with transaction.atomic():
        submit_task(type="sample.noop")
        transaction.set_rollback(why == "it was rolled back")
    assert not seconds_of(listening, 0.1)[0]


@pytest.mark.broker
def test_a_connection_that_is_cut_is_a_poll_and_then_a_new_one(listening: Waker) -> None:
    spared = database.run("SELECT pg_backend_pid()")[0]
    with psycopg.connect(**connection.get_connection_params() | {"dbname": "postgres"}, autocommit=True) as operator:
        operator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
            [connection.settings_dict["NAME"], *spared],
        )
    assert not seconds_of(listening, 0.05)[0]
    assert not seconds_of(listening, 0.05)[0]  # listens again
    submit_task(type="sample.noop")
    assert seconds_of(listening)[0]


@pytest.mark.broker
def test_behind_pgbouncer_it_polls_unless_it_has_an_address_to_listen_on(waker: Waker, settings: Any) -> None:
    settings.DATABASE_BEHIND_PGBOUNCER = True
    assert not waker.can_be_woken
    assert not seconds_of(waker, 0.05)[0]
    usual = connection.settings_dict
    settings.LISTEN_DATABASE = {"NAME": usual["NAME"], "OPTIONS": {"application_name": "listens"}}
    assert waker.can_be_woken
    assert not seconds_of(waker, 0.05)[0]
    assert database.run("SELECT 1 FROM pg_stat_activity WHERE application_name = 'listens' AND query LIKE 'LISTEN%%'")


@pytest.mark.broker
def test_an_address_that_does_not_answer_is_said_once_and_polled(
    waker: Waker, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LISTEN_DATABASE = {"HOST": "127.0.0.1", "PORT": 1}
    assert not seconds_of(waker, 0.05)[0]
    assert not seconds_of(waker, 0.05)[0]
    (said,) = [record.getMessage() for record in caplog.records if record.name == "tasks.waking"]
    assert said.startswith("submits do not wake the dispatcher, it polls: ")
    assert "\n" not in said
