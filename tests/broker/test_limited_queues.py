"""Paused and limited queues with several workers: the limits hold for all of them together, as their ledger shows."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.broker.installation import Installation
from tests.broker.processes import wait_until
from tests.broker.verdict import assert_sound

pytestmark = pytest.mark.broker

LIMITED = ("narrow", "slow", "paused")


@contextmanager
def workers(installation: Installation, *queues: str) -> Iterator[None]:
    """For each of these queues a worker that is called like it and listens to no other."""
    for queue in queues:
        installation.add_queue(queue)
        installation.start_worker(queue, [f"{queue}.plain"])
    installation.await_online(*queues)
    try:
        yield
    finally:
        for queue in queues:
            if installation.processes.is_alive(queue):
                installation.processes.kill(queue)


@pytest.fixture
def limited(installation: Installation) -> Installation:
    """One with two workers of two processes each, which listen to the limited queues and to no other."""
    for queue in LIMITED:
        installation.add_queue(queue)
    names = [name for name in ("limited-0", "limited-1") if not installation.processes.is_alive(name)]
    for name in names:
        installation.start_worker(name, [f"{queue}.plain" for queue in LIMITED])
    installation.await_online(*names)
    return installation


def work(ledger: Path, queue: str, count: int, seconds: float) -> list[dict[str, object]]:
    payload = {"seconds": seconds, "ledger": str(ledger)}
    return [{"type": "sample.work", "payload": payload, "queue": queue} for _ in range(count)]


def test_no_more_run_at_once_than_the_queue_allows(limited: Installation, ledger: Path) -> None:
    limited.limit("narrow", concurrency_limit=2)
    ids = limited.submit_all(work(ledger, "narrow", 12, 0.2))
    most = 0
    while limited.statuses(ids) != {"completed": 12}:
        running = "SELECT count(*) FROM tasks_task WHERE queue = 'narrow' AND status IN ('queued', 'processing')"
        most = max(most, limited.value(running))
        time.sleep(0.01)
    assert most == 2
    running_now = peak = 0
    for line in ledger.read_text().splitlines():
        running_now += 1 if line.startswith("start") else -1
        peak = max(peak, running_now)
    assert peak <= 2
    assert_sound(limited, ids, ledger)


def test_no_more_are_started_in_a_second_than_the_queue_allows(limited: Installation, ledger: Path) -> None:
    limited.limit("slow", rate_limit=5)
    began = time.monotonic()
    ids = limited.submit_all(work(ledger, "slow", 30, 0.0))
    assert limited.await_ended(ids, within=60) == {"completed": 30}
    # A second's worth may go out at once, and a bit of the next token.
    assert time.monotonic() - began > (30 - 7) / 5
    rows = limited.rows("SELECT started_at FROM tasks_task WHERE id = ANY(%s::uuid[]) ORDER BY 1", [ids])
    times = [row[0].timestamp() for row in rows]
    # What one burst and one second bring, at worst on top of what a slow machine had let lie.
    assert max(sum(moment <= each < moment + 1.0 for each in times) for moment in times) <= 12
    assert_sound(limited, ids, ledger)


def test_a_paused_queue_starts_nothing_more_and_goes_on_when_it_is_resumed(limited: Installation, ledger: Path) -> None:
    ids = limited.submit_all(work(ledger, "paused", 60, 0.6))
    wait_until(lambda: ledger.read_text().count("start") >= 4, within=20, what="some have begun")
    limited.pause("paused")
    waiting = "SELECT count(*) FROM tasks_task WHERE queue = 'paused' AND status IN ('processing', 'queued')"
    wait_until(lambda: not limited.value(waiting), within=20, what="what ran has ended")
    begun = ledger.read_text().count("start")
    assert begun < 60
    more = limited.submit_all(work(ledger, "paused", 3, 0.0))
    other = limited.submit("sample.noop")
    limited.await_ended([other], within=20)
    time.sleep(1.5)  # more than a dispatcher's longest rest
    assert ledger.read_text().count("start") == begun
    limited.resume("paused")
    assert limited.await_ended([*ids, *more], within=90) == {"completed": 63}
    assert_sound(limited, [*ids, *more], ledger)


def test_messages_that_are_with_the_broker_when_their_queue_is_paused_are_void(
    installation: Installation, ledger: Path
) -> None:
    """No worker is there yet: the message waits in the broker, and is still there when one comes."""
    with workers(installation, "void"):
        installation.processes.kill("void")
        ids = installation.submit_all(work(ledger, "void", 1, 0.0))
        installation.await_status("queued", ids, within=20)
        installation.pause("void")
        installation.await_status("pending", ids, within=20)
        installation.start_worker("void", ["void.plain"])
        installation.await_online("void")
        with installation.channel() as channel:
            name = f"{installation.namespace}.void.plain"
            wait_until(
                lambda: channel.queue_declare(queue=name, passive=True).message_count == 0,
                within=20,
                what="the worker took the message",
            )
        time.sleep(0.5)
        assert (installation.statuses(ids), ledger.read_text()) == ({"pending": 1}, "")
        installation.resume("void")
        assert installation.await_ended(ids, within=30) == {"completed": 1}


def test_workers_of_different_queues_take_nothing_of_each_other(installation: Installation, ledger: Path) -> None:
    with workers(installation, "left", "right"):
        given = [work(ledger, queue, 1, 0.0)[0] for queue in itertools.islice(itertools.cycle(["left", "right"]), 40)]
        ids = installation.submit_all(given)
        assert installation.await_ended(ids, within=60) == {"completed": 40}
        found = installation.rows(
            "SELECT DISTINCT queue, worker FROM tasks_task WHERE id = ANY(%s::uuid[]) ORDER BY 1", [ids]
        )
        assert found == [(queue, f"{queue}@{installation.namespace}") for queue in ("left", "right")]
