"""What the two types of queue do differently: the order within a queue, and messages that nobody manages to take."""

from typing import Any

import kombu
import pytest

from tasks import topology
from tasks.dead_letters import Intake
from tasks.dispatching import Dispatcher
from tasks.models import DeadLetter, Task
from tasks.publishing import AmqpPublisher
from tests.broker.dispatching import LINE, messages_to, online_worker, ready, submit, turn, words
from tests.broker.processes import wait_until
from tests.servers import OwnRabbitMQ

pytestmark = [pytest.mark.broker, pytest.mark.django_db]


@pytest.fixture
def intake(channel: Any) -> Any:
    intake = Intake()
    yield intake
    intake.close()


def test_a_classic_queue_hands_out_by_priority_and_a_quorum_queue_in_turn(
    publisher: AmqpPublisher, channel: Any, queue_type: str
) -> None:
    sent = [message for priority in (1, 9, 5) for message in messages_to(LINE, 1, priority)]
    assert len(publisher.publish(sent)) == 3
    taken = [channel.basic_get(topology.namespaced(LINE), no_ack=True) for _ in sent]
    # RabbitMQ 4 gives quorum queues priorities too; with 3.x the dispatcher's order is all there is.
    by_priority = queue_type == "classic" or channel.connection.server_properties["version"] >= "4"
    expected = sorted(sent, key=lambda message: -message.priority) if by_priority else sent
    assert [words(message)["ids"] for message in taken] == [[each.hex for each in message.ids] for message in expected]


@pytest.mark.parametrize("queue_type", ["quorum"], indirect=True)
def test_a_message_over_the_delivery_limit_ends_in_the_dead_queue_and_its_task_goes_out_again(
    dispatcher: Dispatcher, channel: Any, intake: Intake
) -> None:
    online_worker()
    turn(dispatcher)
    (task,) = submit(1)
    turn(dispatcher)
    deliveries = 0

    def is_dead() -> bool:
        nonlocal deliveries
        if message := channel.basic_get(topology.namespaced(LINE)):
            deliveries += 1
            channel.basic_reject(message.delivery_tag, requeue=True)
        return ready(channel, "dead") == 1

    wait_until(is_dead, within=30, what="the broker gives the message up")
    assert deliveries == topology.DELIVERY_LIMIT + 1
    dead = channel.basic_get(topology.namespaced("dead"))
    assert words(dead) == {"ids": [task.hex]}
    story = [(death["queue"], death["reason"]) for death in dead.headers["x-death"]]
    assert story == [(topology.namespaced(LINE), "delivery_limit")]
    channel.basic_reject(dead.delivery_tag, requeue=True)

    wait_until(intake.poll, within=30, what="the message is taken in")
    assert Task.objects.values_list("status", "returns", "attempt").get(id=task) == ("pending", 1, 0)
    assert not DeadLetter.objects.exists()
    turn(dispatcher)
    again = wait_until(lambda: channel.basic_get(topology.namespaced(LINE)), within=30, what="it is sent again")
    assert words(again)["ids"] == [task.hex]
    assert "x-death" not in again.headers


@pytest.mark.parametrize("queue_type", ["quorum"], indirect=True)
@pytest.mark.usefixtures("queue_type")
def test_what_the_broker_gives_up_is_kept_while_there_is_no_dead_queue(settings: Any) -> None:
    with OwnRabbitMQ() as server:
        # It tries again after three minutes, if it is not told otherwise before its first queue is declared.
        server.control("eval", "application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 1000).")
        settings.BROKER_URL = server.url
        publisher = AmqpPublisher()
        publisher.open(["default"])
        with kombu.Connection(server.url) as connection:
            channel = connection.channel()
            channel.queue_delete(topology.namespaced("dead"))
            (message,) = messages_to(LINE, 1)
            assert publisher.publish([message]) == {message.number}
            channel.basic_reject(channel.basic_get(topology.namespaced(LINE)).delivery_tag, requeue=False)
            publisher.open(["default"])
            wait_until(lambda: ready(channel, "dead") == 1, within=30, what="the message arrives late")
        publisher.close()
