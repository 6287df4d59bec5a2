"""Claims of which nobody knows whether they were committed: the connection was lost before the answer came."""

import json
from collections.abc import Container, Iterable
from uuid import UUID

from tasks import database
from tasks.models import Task
from tasks.states import TaskStatus
from tasks.transitions import Claimed
from tasks.transitions.finishing import Pair


def recall(ids: Iterable[UUID], *, incarnation: UUID, held: Container[Pair]) -> list[Claimed]:
    """Returns what the process has claimed of these and does not know that it holds.

    Without it they would wait for their leases to end, and the loss would be charged to one that ran alone.
    """
    # As in `transitions`, the guard implies no partial index's predicate: the plan stays with the primary key.
    rows = Task.objects.raw(
        f"""WITH {database.given(id="uuid")}
        SELECT * FROM tasks_task WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s""",
        [database.as_ids(ids), TaskStatus.PROCESSING],
    )
    return [
        Claimed(
            id=task.id,
            type=task.type,
            attempt=task.attempt,
            failures=task.failures - 1,
            max_attempts=task.max_attempts,
            timeout=task.timeout,
            retry=task.retry,
            payload=json.dumps(task.payload),
            queue=task.queue,
        )
        for task in rows
        if task.incarnation == incarnation and (task.id, task.attempt) not in held
    ]
