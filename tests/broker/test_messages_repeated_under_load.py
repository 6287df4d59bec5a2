"""Messages that come five times, in another order, or long after their tasks are over: nothing runs twice."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tests.broker.installation import Installation
from tests.broker.load import Load, lasting
from tests.broker.processes import wait_until

pytestmark = pytest.mark.broker

RECOVERY = 60
KINDS = ("plain", "async")
TIMES = 5
SEED = 20240229


class Repeater:
    """Reads all that the dispatcher sends from a queue of its own, and sends each body again to the line it went to."""

    def __init__(self, installation: Installation) -> None:
        self.installation, self.prefix = installation, installation.namespace
        self.seen: list[Any] = []
        self.repeated = 0
        self.error: BaseException | None = None
        self._stop = Event()

    def __call__(self) -> None:
        try:
            with self.installation.channel() as channel:
                while not self._stop.wait(0.005):
                    while message := channel.basic_get(f"{self.prefix}.copies", no_ack=True):
                        self.seen.append(message)
                        for _ in range(TIMES - 1):
                            send(channel, self.prefix, message)
                            self.repeated += 1
        except BaseException as error:
            self.error = error

    def stop(self) -> None:
        self._stop.set()


def send(channel: Any, prefix: str, message: Any) -> None:
    """Sends a message again as it was, past the exchange: our own copy does not grow by it."""
    line = message.delivery_info["routing_key"]
    properties = {name: message.properties[name] for name in ("correlation_id", "delivery_mode")}
    again = channel.prepare_message(
        message.body,
        priority=message.properties["priority"],
        content_type="application/json",
        content_encoding="utf-8",
        headers=message.headers,
        properties=properties,
    )
    channel.basic_publish(again, "", f"{prefix}.{line}")


@contextmanager
def repeating(installation: Installation) -> Iterator[Repeater]:
    name = f"{installation.namespace}.copies"
    with installation.channel() as channel:
        channel.queue_declare(name, durable=False, auto_delete=False)
        for kind in KINDS:
            channel.queue_bind(name, f"{installation.namespace}.tasks", f"default.{kind}")
        repeater = Repeater(installation)
        thread = Thread(target=repeater, name="repeater", daemon=True)
        thread.start()
        try:
            yield repeater
        finally:
            repeater.stop()
            thread.join(timeout=20)
            channel.queue_delete(name)
    assert repeater.error is None, repeater.error


def test_messages_that_come_five_times_and_again_in_another_order_run_nothing_twice(
    installation: Installation, ledger: Path
) -> None:
    strays = "SELECT count(*) FROM tasks_deadletter"
    before = installation.value(strays)
    with lasting(installation):
        with repeating(installation) as repeater:
            with Load(installation, ledger) as load:
                load.await_completed(150, within=RECOVERY)
            await_quiet(installation)
        load.assert_all_completed(within=RECOVERY)
        assert len(repeater.seen) > 50
        assert repeater.repeated == len(repeater.seen) * (TIMES - 1)

        # Long over, and each body once more in an order of nobody's making, while others are under way.
        with Load(installation, ledger) as others, installation.channel() as channel:
            late = repeater.seen.copy()
            random.Random(SEED).shuffle(late)
            for message in late:
                send(channel, installation.namespace, message)
            others.await_completed(60, within=RECOVERY)
        await_quiet(installation)
        load.assert_all_completed(within=20)
        others.assert_all_completed(within=RECOVERY)
    # What names tasks that exist is no garbage, however late it comes.
    assert installation.value(strays) == before


def test_messages_that_are_held_back_are_replaced_and_come_too_late(installation: Installation, ledger: Path) -> None:
    held: list[Any] = []
    with lasting(installation):
        with Load(installation, ledger) as load, installation.channel() as channel:
            noted = {"seconds": 0.02, "ledger": str(ledger)}
            load.add([{"type": kind, "payload": noted} for kind in ("sample.work", "sample.async_work")] * 300)

            def hold() -> bool:
                lines = (f"{installation.namespace}.default.{kind}" for kind in KINDS)
                held.extend(each for line in lines if (each := channel.basic_get(line, no_ack=True)))
                return len(held) >= 4

            wait_until(hold, within=20, what="messages to hold back")
            load.await_completed(60, within=RECOVERY)
        load.assert_all_completed(within=RECOVERY)
        returned = "SELECT count(*) FROM tasks_task WHERE id = ANY(%s::uuid[]) AND returns >= 1"
        assert installation.value(returned, [load.ids]) > 0
        with installation.channel() as channel:
            for message in reversed(held):
                send(channel, installation.namespace, message)
        await_quiet(installation)
        load.assert_all_completed(within=20)


def await_quiet(installation: Installation) -> None:
    """Waits until the lines are empty and what was taken from them has been dealt with."""
    with installation.channel() as channel:
        for kind in KINDS:
            name = f"{installation.namespace}.default.{kind}"

            def is_empty(name: str = name) -> bool:
                return bool(channel.queue_declare(name, passive=True).message_count == 0)

            wait_until(is_empty, within=RECOVERY, what=f"{name} is empty")
    # What comes after them on the same lines is done when they are.
    kinds = ("sample.noop", "sample.async_noop")
    last = installation.submit_all([{"type": kind, "payload": {}} for kind in kinds for _ in range(4)])
    assert installation.await_ended(last, within=RECOVERY) == {"completed": len(last)}
