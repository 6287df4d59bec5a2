"""The names on the broker and how they are declared. Each has the namespace: installations may share a broker."""

from collections.abc import Iterable

from django.conf import settings
from kombu import Connection, Exchange
from kombu import Queue as BrokerQueue

from tasks.states import Kind

MAX_PRIORITY = 9
# RabbitMQ 4's own default, which 3.x lacks. Each end of a worker counts for all that it had taken, also for messages
# that are no cause of it: what goes over the limit is looked at by the coordinator and sent anew.
DELIVERY_LIMIT = 20


def line(queue: str, kind: Kind | str) -> str:
    """Returns the name of a queue's half for one kind of handler: what a worker listens to. Also the routing key."""
    return f"{queue}.{Kind(kind).value}"


def split_line(name: str) -> tuple[str, Kind]:
    """Returns the queue and the kind of a line. Raises ValueError for a name that is none."""
    queue, _, kind = name.rpartition(".")
    return queue, Kind(kind)


def is_line(name: str) -> bool:
    return name.rpartition(".")[2] in Kind.values


def namespaced(name: str) -> str:
    return f"{settings.BROKER_NAMESPACE}.{name}"


def without_namespace(name: str) -> str:
    return name.removeprefix(f"{settings.BROKER_NAMESPACE}.")


def work_exchange() -> Exchange:
    return Exchange(namespaced("tasks"), type="direct", durable=True)


def dead_exchange() -> Exchange:
    """Topic: other systems bind queues of their own to it, by type and category."""
    return Exchange(namespaced("dlx"), type="topic", durable=True)


def work_queue(name: str) -> BrokerQueue:
    """Returns the broker queue of a line."""
    arguments: dict[str, object] = {}
    if not settings.EMBEDDED_BROKER:
        arguments = {"x-dead-letter-exchange": namespaced("dlx"), "x-queue-type": settings.BROKER_QUEUE_TYPE}
        arguments |= _quorum_arguments() if settings.BROKER_QUEUE_TYPE == "quorum" else {"x-max-priority": MAX_PRIORITY}
    return BrokerQueue(
        namespaced(name), work_exchange(), routing_key=name, durable=True, queue_arguments=arguments or None
    )


def _quorum_arguments() -> dict[str, object]:
    """A quorum queue has no priorities (RabbitMQ refuses the argument), but counts how often it delivers a message.

    What it gives up leaves it only when the dead queue has confirmed it, which RabbitMQ ties to `reject-publish`.
    """
    return {
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def dead_queue() -> BrokerQueue:
    arguments = {} if settings.EMBEDDED_BROKER else {"x-queue-type": settings.BROKER_QUEUE_TYPE}
    return BrokerQueue(
        namespaced("dead"), dead_exchange(), routing_key="#", durable=True, queue_arguments=arguments or None
    )


def lines_of(queues: Iterable[str]) -> list[str]:
    return [line(queue, kind) for queue in queues for kind in Kind]


def declare(connection: Connection, queues: Iterable[str]) -> None:
    """Declares the exchanges and queues that tasks travel on. Doing so again changes nothing."""
    with connection.channel() as channel:
        dead_queue().bind(channel).declare()
        for name in lines_of(queues):
            work_queue(name).bind(channel).declare()
