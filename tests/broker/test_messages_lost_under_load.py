"""Messages, queues, bindings and exchanges that somebody removes while work comes in: all is sent again."""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker.conftest import QUEUE_TYPES, namespace, opened
from tests.broker.installation import Databases, Installation
from tests.broker.load import Load, lasting
from tests.broker.messages import EXECUTE, publish
from tests.broker.processes import wait_until

pytestmark = pytest.mark.broker

RECOVERY = 60
KINDS = ("plain", "async")


@pytest.fixture(scope="module", params=QUEUE_TYPES)
def installation(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    made = Installation(
        databases.make("lost"),
        os.environ["BROKER_URL"],
        namespace(f"lost_{request.param}"),
        tmp_path_factory.mktemp("lost"),
        BROKER_QUEUE_TYPE=request.param,
        LOST_MESSAGE_SECONDS="2",
        COROUTINES_PER_PROCESS="2",  # so that messages for coroutines wait on the broker, too
    )
    with opened(made):
        made.start()
        yield made


@pytest.fixture
def crowd(installation: Installation, ledger: Path) -> Callable[[Load], None]:
    """Adds more to a load than the workers can take at once: messages wait on both lines then."""

    def add(load: Load) -> None:
        noted = {"seconds": 0.03, "ledger": str(ledger)}
        load.add([{"type": kind, "payload": noted} for kind in ("sample.work", "sample.async_work")] * 150)

    return add


def test_messages_that_are_purged_under_load_are_sent_again(
    installation: Installation, ledger: Path, crowd: Callable[[Load], None]
) -> None:
    purged: Counter[str] = Counter()
    with lasting(installation):
        with Load(installation, ledger) as load, installation.channel() as channel:
            crowd(load)

            def purge() -> bool:
                for kind in KINDS:
                    purged[kind] += channel.queue_purge(f"{installation.namespace}.default.{kind}")
                return min(purged[kind] for kind in KINDS) >= 3

            wait_until(purge, within=20, what="messages to purge on both lines")
            load.await_completed(60, within=RECOVERY)
        load.assert_all_completed(within=RECOVERY)
    returned = "SELECT count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) AND returns >= 1"
    assert installation.value(returned, [load.ids]) > 0


def delete_queues(channel: Any, namespace: str) -> None:
    for kind in KINDS:
        channel.queue_delete(f"{namespace}.default.{kind}")


def delete_bindings(channel: Any, namespace: str) -> None:
    for kind in KINDS:
        channel.queue_unbind(f"{namespace}.default.{kind}", f"{namespace}.tasks", f"default.{kind}")


def delete_exchange(channel: Any, namespace: str) -> None:
    channel.exchange_delete(f"{namespace}.tasks")


def delete_binding_of_the_dead(channel: Any, namespace: str) -> None:
    channel.queue_unbind(f"{namespace}.dead", f"{namespace}.dlx", "#")


def delete_everything(channel: Any, namespace: str) -> None:
    delete_queues(channel, namespace)
    channel.queue_delete(f"{namespace}.dead")
    for name in ("tasks", "dlx"):
        channel.exchange_delete(f"{namespace}.{name}")


@pytest.mark.parametrize(
    "delete", [delete_queues, delete_bindings, delete_exchange, delete_binding_of_the_dead, delete_everything]
)
def test_what_is_deleted_under_load_is_made_again(
    installation: Installation, ledger: Path, crowd: Callable[[Load], None], delete: Callable[[Any, str], None]
) -> None:
    with lasting(installation):
        with Load(installation, ledger) as load, installation.channel() as channel:
            crowd(load)
            delete(channel, installation.namespace)
            load.await_completed(60, within=RECOVERY)
        load.assert_all_completed(within=RECOVERY)
    assert_declared(installation)


def assert_declared(installation: Installation) -> None:
    """The lines, and what leads to the dead letters: for a dead task's announcement, and what a worker rejects."""
    dead = installation.submit("sample.work", {"fail_until": 9}, max_attempts=1)
    announced = "SELECT 1 FROM tasks_deadletter WHERE task_id = %s AND announced_at IS NOT NULL"
    installation.await_row(announced, [dead], within=30, what="its death is announced")
    for kind in KINDS:
        garbage = secrets.token_hex(8)
        publish(installation, garbage, {"task": EXECUTE}, line=f"default.{kind}")
        kept = "SELECT 1 FROM tasks_deadletter WHERE task_id IS NULL AND body = %s AND queue = %s"
        installation.await_row(kept, [garbage, f"default.{kind}"], within=30, what="garbage is set aside")
