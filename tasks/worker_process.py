"""Hooks of Celery's worker: who it is before the pool forks, what each pool process starts and how it ends."""

import gc
import logging
import os
from typing import Any

from celery import signals
from django.conf import settings

from tasks import memory, node, registry, topology
from tasks.execution import Executor
from tasks.holding import DRAIN_SECONDS
from tasks.keeper import Keeper

logger = logging.getLogger(__name__)

executor: Executor | None = None


@signals.celeryd_init.connect
def know_the_lines(instance: Any, options: dict[str, Any], **_: Any) -> None:
    """Makes the broker queues named with -Q known: they come from rows and stand in no settings."""
    names = options.get("queues") or []
    for name in names.split(",") if isinstance(names, str) else names:
        own = topology.without_namespace(name)
        if topology.is_line(own):  # else it is an ordinary Celery queue
            instance.app.amqp.queues.add(topology.work_queue(own))


@signals.celeryd_after_setup.connect
def become_a_node(sender: str, instance: Any, **_: Any) -> None:
    registry.load()  # once, before the pool forks: its memory is shared
    consumed = [topology.without_namespace(name) for name in instance.app.amqp.queues.consume_from]
    node.become(
        node.Node(
            name=sender,
            group=sender.partition("@")[0].partition("-")[0],
            lines=[name for name in consumed if topology.is_line(name)],
            processes=instance.concurrency or 1,
            pid=os.getpid(),
        )
    )


@signals.worker_shutting_down.connect
def tell_the_pool(**_: Any) -> None:
    if node.this is not None:
        node.this.stop()


@signals.worker_process_init.connect
def start_process(**_: Any) -> None:
    global executor
    if node.this is None or not node.this.lines:
        return  # this worker runs ordinary Celery tasks only
    memory.bound(settings.WORKER_MEMORY_LIMIT)
    gc.freeze()  # what came with the fork is never garbage: a collection would write to its pages, and so copy them
    keeper = Keeper(node.this)
    keeper.start()
    executor = Executor(keeper)


@signals.worker_process_shutdown.connect
def end_process(**_: Any) -> None:
    if executor is not None:
        executor.shut_down(DRAIN_SECONDS + 2)  # what is interrupted at the end of the drain is still written
