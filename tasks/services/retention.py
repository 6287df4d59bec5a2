"""How long finished tasks are kept."""

from datetime import timedelta

from tasks import database
from tasks.models import DeadLetter, Task, TaskAttempt, TaskEvent, TaskLog
from tasks.states import TaskStatus


def remove_finished(*, older_than: float, limit: int) -> int:
    """Deletes completed and cancelled tasks that ended more than `older_than` seconds ago. Returns how many."""
    before = database.now() - timedelta(seconds=older_than)
    over = Task.objects.filter(finished_at__lt=before, status__in=[TaskStatus.COMPLETED, TaskStatus.CANCELLED])
    with database.one_transaction():
        ids = list(over.order_by("finished_at").values_list("id", flat=True)[:limit])
        for model in (TaskAttempt, TaskLog, TaskEvent, DeadLetter):
            model._default_manager.filter(task_id__in=ids).delete()
        # Not by the ORM, which would read each task with its payload to look for what hangs on it: that is gone by now.
        removed = database.run(
            f"WITH {database.given(id='uuid')} DELETE FROM tasks_task WHERE id IN (SELECT v_id FROM v) RETURNING id",
            [database.as_ids(ids)],
        )
    return len(removed)
