"""A broker that takes nothing, one that takes its messages back, and one that has forgotten everything, under load."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.conftest import opened
from tests.broker.installation import Databases, Installation
from tests.broker.load import Load, lasting
from tests.broker.processes import wait_until
from tests.servers import OwnRabbitMQ

pytestmark = pytest.mark.broker

RECOVERY, GONE_WITHIN = 60, 25
SLOWEST = 3.0  # seconds for a request
ACK_TIMEOUT = 2  # seconds that the broker waits for an acknowledgement; its usual 30 minutes are as long for it
PAGES = ("/api/health/live/", "/api/health/ready/", "/api/tasks/stats/", "/api/tasks/?status=pending", "/api/tasks/{}/")


@pytest.fixture(scope="module")
def installation(
    broker: OwnRabbitMQ, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    made = Installation(
        databases.make("troubles"),
        broker.url,
        "troubles",
        tmp_path_factory.mktemp("troubles"),
        LOST_MESSAGE_SECONDS="2",
        LEADER_LEASE_SECONDS="4",
    )
    with opened(made):
        made.start()
        yield made


def test_while_the_broker_takes_no_messages_the_pages_are_quick_and_say_why(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    leader = installation.await_leader()
    with lasting(installation):
        with Load(installation, ledger) as load:
            broker.control("set_vm_memory_high_watermark", "absolute", "1MB")
            try:
                wait_until(lambda: "alarm" in broker_error(installation), within=20, what="the alarm is told")
                connections = connections_of(broker)
                for _ in range(8):
                    load.await_submitted(30)
                    # Said once, it stays said: what is not sent is no news of a broker that works again.
                    assert "alarm" in broker_error(installation)
                    slowest = max(installation.seconds_of(page.format(load.ids[-1])) for page in PAGES)
                    assert slowest < SLOWEST
                # What is closed while it is blocked would stay with the broker, short of memory as it is.
                assert connections_of(broker) <= connections
            finally:
                broker.control("set_vm_memory_high_watermark", "0.6")
            load.await_completed(60, within=RECOVERY)
            assert not broker_error(installation)
        load.assert_all_completed(within=RECOVERY)
        assert load.slowest < SLOWEST
    assert installation.await_leader() == leader


def test_a_broker_that_has_forgotten_everything_gets_it_again(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    with lasting(installation):
        with Load(installation, ledger) as load:
            broker.kill()
            shutil.rmtree(broker.folder / "data")
            load.await_submitted(30)
            broker.start()
            load.await_completed(60, within=RECOVERY)
        load.assert_all_completed(within=RECOVERY)


def test_a_message_that_the_broker_takes_back_in_mid_task_runs_nothing_twice(
    installation: Installation, broker: OwnRabbitMQ, ledger: Path
) -> None:
    """The broker closes the channel of a consumer whose acknowledgement takes too long, and delivers again."""
    broker.control("eval", f"application:set_env(rabbit, consumer_timeout, {ACK_TIMEOUT * 1000}).")
    broker.control("eval", "application:set_env(rabbit, channel_tick_interval, 500).")
    # Both are read when a channel is opened.
    installation.add_queue("patient")
    patient = [f"patient-{kind}" for kind in ("plain", "async")]
    for name in patient:
        installation.start_worker(name, [name.replace("-", ".")])
    installation.await_online(*patient)
    with lasting(installation):
        with Load(installation, ledger, queue="patient") as load:
            slow = {"seconds": 4 * ACK_TIMEOUT, "ledger": str(ledger)}
            long = load.add([{"type": "sample.work", "priority": 9, "payload": slow} for _ in range(2)])
            wait_until(lambda: taken_back(broker), within=30, what="the broker takes a message back")
            assert installation.await_ended(long, within=30) == {"completed": 2}
            load.await_completed(60, within=RECOVERY)
        load.assert_all_completed(within=RECOVERY)
    # One of them may have been claimed behind the other, and handed back before it began.
    begun = [[outcome for _, outcome, _ in installation.attempts(task) if outcome != "released"] for task in long]
    assert begun == [["completed"]] * 2
    # Nor do they forget how to stop.
    installation.processes.signal(signal.SIGTERM, *patient)
    installation.processes.await_end(*patient, within=GONE_WITHIN)


def broker_error(installation: Installation) -> str:
    return str(installation.value("SELECT broker_error FROM tasks_leadership"))


def connections_of(broker: OwnRabbitMQ) -> int:
    return len(broker.control("list_connections", "pid").splitlines())


def taken_back(broker: OwnRabbitMQ) -> bool:
    return "Timeout value used" in broker.log.read_text(errors="replace")
