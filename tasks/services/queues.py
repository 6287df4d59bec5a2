"""Queues: their rows."""

from tasks import registry
from tasks.models import Queue
from tasks.models.queue import DEFAULT_QUEUES


def make_missing_queues() -> None:
    """Makes the rows of the standard queues and of those that installed types name. A worker has to listen to each."""
    names = {*DEFAULT_QUEUES, *(handler.queue for handler in registry.handlers())}
    Queue.objects.bulk_create([Queue(name=name) for name in sorted(names)], ignore_conflicts=True)
