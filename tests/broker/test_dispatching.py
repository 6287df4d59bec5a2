"""The dispatcher and its publisher on a real RabbitMQ: what is confirmed, what comes back, how wide the window is."""

import time
import uuid
from typing import Any

import pytest

from tasks import topology
from tasks.dispatching import Dispatcher
from tasks.models import Leadership, Task
from tasks.publishing import AmqpPublisher
from tasks.windows import DECLARED_AGAIN_AFTER
from tests.broker.dispatching import LINE, PROCESSES, consume, messages_to, online_worker, ready, submit, turn, words
from tests.broker.processes import wait_until

pytestmark = [pytest.mark.broker, pytest.mark.django_db]


def statuses(ids: list[uuid.UUID]) -> list[str]:
    return sorted(Task.objects.filter(id__in=ids).values_list("status", flat=True))


# --- The publisher ----------------------------------------------------------------------------------------------------


def test_a_thousand_messages_are_all_confirmed(publisher: AmqpPublisher) -> None:
    messages = messages_to(LINE, 1000)
    assert publisher.publish(messages) == {message.number for message in messages}
    assert publisher.depth(LINE) == (1000, 0)


def test_messages_that_no_queue_takes_are_told_from_their_neighbours(publisher: AmqpPublisher) -> None:
    good, lost = messages_to(LINE, 400), messages_to("nowhere.plain", 400)
    mixed = [message for pair in zip(good, lost, strict=True) for message in pair]
    assert publisher.publish(mixed) == {message.number for message in good}


def test_messages_that_a_full_queue_refuses_are_not_taken(publisher: AmqpPublisher, channel: Any) -> None:
    arguments = {"x-max-length": 2, "x-overflow": "reject-publish"}
    name = topology.namespaced("limited")
    channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)
    channel.queue_bind(name, topology.work_exchange().name, "limited.plain")
    assert len(publisher.publish(messages_to("limited.plain", 10))) == 2


def test_a_missing_queue_has_no_depth_and_the_publisher_goes_on(publisher: AmqpPublisher) -> None:
    assert publisher.depth("nowhere.plain") is None
    (message,) = messages_to(LINE, 1)
    assert publisher.publish([message]) == {message.number}
    assert publisher.depth(LINE) == (1, 0)


# --- The dispatcher ---------------------------------------------------------------------------------------------------


def test_a_returned_message_sends_its_tasks_back_and_they_go_out_again(dispatcher: Dispatcher, channel: Any) -> None:
    online_worker()
    turn(dispatcher)
    (first,) = submit(1)
    turn(dispatcher)
    assert statuses([first]) == ["queued"]
    channel.queue_purge(topology.namespaced(LINE))
    channel.queue_unbind(topology.namespaced(LINE), topology.work_exchange().name, LINE)
    (second,) = submit(1)
    turn(dispatcher)
    assert statuses([second]) == ["pending"]
    assert ready(channel) == 0
    time.sleep(DECLARED_AGAIN_AFTER)
    turn(dispatcher)
    assert statuses([second]) == ["queued"]
    message = channel.basic_get(topology.namespaced(LINE))
    assert words(message) == {"ids": [second.hex]}


def test_a_deleted_queue_is_declared_again_before_anything_is_sent(dispatcher: Dispatcher, channel: Any) -> None:
    online_worker()
    submit(1)
    turn(dispatcher)
    channel.queue_delete(topology.namespaced(LINE))
    (task,) = submit(1)
    turn(dispatcher)
    assert statuses([task]) == ["pending"]
    turn(dispatcher)
    assert statuses([task]) == ["pending"]  # until its consumers have heard that it is gone
    time.sleep(DECLARED_AGAIN_AFTER)
    turn(dispatcher)
    assert statuses([task]) == ["queued"]
    assert ready(channel) == 1


def test_a_queue_without_consumers_gets_one_message(dispatcher: Dispatcher, channel: Any) -> None:
    online_worker()
    tasks = submit(20)
    for _ in range(10):
        turn(dispatcher)
    assert ready(channel) == 1
    assert statuses(tasks) == ["pending"] * 19 + ["queued"]


def test_ten_thousand_pending_tasks_do_not_overrun_the_window(dispatcher: Dispatcher, channel: Any) -> None:
    online_worker()
    turn(dispatcher)
    taken = consume(channel)
    tasks = submit(10_000)
    deepest = 0
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        turn(dispatcher)
        deepest = max(deepest, ready(channel))
    # Without what it learns of the rate the window is 2 x the processes; a consumer that stands still teaches little.
    assert 2 * PROCESSES - 1 <= deepest <= 6 * PROCESSES
    assert len(taken) == 1
    assert Task.objects.filter(id__in=tasks, status="pending").count() >= 10_000 - 6 * PROCESSES - 1


def test_the_most_urgent_tasks_go_first(dispatcher: Dispatcher, channel: Any) -> None:
    online_worker()
    turn(dispatcher)
    consume(channel)
    for priority in (0, 3, 9, 5, 8):
        submit(2, priority=priority)
    turn(dispatcher)
    sent = Task.objects.filter(status="queued").values_list("priority", flat=True)
    assert sorted(sent) == [8, 8, 9, 9]


def test_tasks_of_a_known_quick_type_travel_together_and_suspects_alone(dispatcher: Dispatcher, channel: Any) -> None:
    online_worker(mean=2.0)
    turn(dispatcher)
    suspect, *others = submit(121)
    Task.objects.filter(id=suspect).update(suspect=True)
    taken = consume(channel)
    turn(dispatcher)
    wait_until(lambda: ready(channel) == 3 and taken, within=20, what="the messages are there")
    bodies = [*taken, *(words(channel.basic_get(topology.namespaced(LINE), no_ack=True)) for _ in range(3))]
    alone = [body for body in bodies if body.get("alone")]
    assert alone == [{"ids": [suspect.hex], "alone": True}]
    together = [body["ids"] for body in bodies if not body.get("alone")]
    assert sorted(map(len, together)) == [20, 50, 50]
    assert {each for ids in together for each in ids} == {each.hex for each in others}


def test_tasks_of_a_type_that_nobody_has_timed_travel_one_by_one(dispatcher: Dispatcher, channel: Any) -> None:
    online_worker(mean=None)
    turn(dispatcher)
    consume(channel)
    submit(20)
    turn(dispatcher)
    assert Task.objects.filter(status="queued").count() == 2 * PROCESSES


def test_tasks_wait_in_the_database_while_the_broker_is_away(dispatcher: Dispatcher, settings: Any) -> None:
    online_worker()
    settings.BROKER_URL = "amqp://guest:guest@127.0.0.1:9//"
    tasks = submit(5)
    began = time.monotonic()
    turn(dispatcher)
    assert time.monotonic() - began < 1.0, "the dispatcher stood still"
    assert statuses(tasks) == ["pending"] * 5
    assert "refused" in Leadership.objects.get().broker_error
