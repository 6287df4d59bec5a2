"""Values that are known without a look at all tasks: for completion, and for saying that one is unknown."""

from tasks import registry, selectors
from tasks.models import Task, Worker
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY

NEWEST_LOOKED_AT, WORKERS_SHOWN = 500, 200


def types() -> list[str]:
    return [handler.name for handler in registry.handlers()]


def queues() -> list[str]:
    return sorted(selectors.queue_names())


def workers() -> list[str]:
    """Returns the names of the workers that were heard of last."""
    return list(Worker.objects.order_by("-heartbeat_at").values_list("name", flat=True)[:WORKERS_SHOWN])


def priorities() -> list[str]:
    return [str(number) for number in range(HIGHEST_PRIORITY, LOWEST_PRIORITY - 1, -1)]


def tags() -> list[str]:
    """Returns the tags of the newest tasks."""
    newest = Task.objects.order_by("-created_at").values_list("tags", flat=True)[:NEWEST_LOOKED_AT]
    return sorted({tag for tags in newest for tag in tags if isinstance(tag, str)})


def payload_paths(type_name: str | None) -> list[str]:
    """Returns the paths of payloads as the installed types declare them, of one type or of all."""
    handlers = [handler for handler in registry.handlers() if type_name in (None, handler.name)]
    return sorted({path for handler in handlers for path in handler.payload.model_fields})
