"""`health_check`: proves that work gets through, and says how far behind the backlog is."""

from typing import Any

from tasks import database, selectors
from tasks.context import TaskContext
from tasks.registry import NoPayload, handler


@handler("health_check", payload=NoPayload, timeout=30)
def health_check(ctx: TaskContext, payload: NoPayload) -> dict[str, Any]:
    """Looks at the database and the workers from inside a worker."""
    online = selectors.online_worker_names()
    ctx.log.info("looked around", workers=len(online))
    return {
        "database": "postgresql" if database.is_postgresql() else "sqlite",
        "database_time": database.now().isoformat(),
        "workers_online": online,
        "queues_with_backlog": sorted(selectors.queues_with_pending()),
    }
