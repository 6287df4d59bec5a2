"""How long finished tasks are kept."""

from datetime import timedelta

from django.db.models import Exists, OuterRef, Q

from tasks import auditing, database
from tasks.models import DeadLetter, Task, TaskAttempt, TaskDependency, TaskEvent, TaskLog
from tasks.states import TaskStatus

_HELD_BACK = [TaskStatus.BLOCKED, TaskStatus.FAILED]  # with a dependency that is not met


def remove_finished(*, older_than: float, limit: int) -> int:
    """Deletes completed and cancelled tasks that ended more than `older_than` seconds ago. Returns how many.

    One that a blocked task still waits for stays: what waits would wait for something that nobody can look at. So does
    one because of which a task has failed: retrying another parent would let that task wait for what is gone.
    """
    before = database.now() - timedelta(seconds=older_than)
    over = Task.objects.filter(finished_at__lt=before, status__in=[TaskStatus.COMPLETED, TaskStatus.CANCELLED])
    awaited = TaskDependency.objects.filter(parent_id=OuterRef("pk"), met=False, child__status__in=_HELD_BACK)
    over = over.exclude(Q(has_dependents=True) & Exists(awaited))
    with database.one_transaction():
        # Locked, and what others have locked left for another time: they may be about to refer to it.
        free = over.select_for_update(skip_locked=True, of=("self",))
        ids = list(free.order_by("finished_at").values_list("id", flat=True)[:limit])
        TaskDependency.objects.filter(child_id__in=ids).delete()
        for model in (TaskAttempt, TaskLog, TaskEvent, DeadLetter):
            model._default_manager.filter(task_id__in=ids).delete()
        # Not by the ORM, which would read each task with its payload to look for what hangs on it: that is gone by now.
        removed = database.run(
            f"WITH {database.given(id='uuid')} DELETE FROM tasks_task WHERE id IN (SELECT v_id FROM v) RETURNING id",
            [database.as_ids(ids)],
        )
        # By the coordinator's or a schedule's hand, and for ever: somebody will ask where they went.
        auditing.record(
            verb="remove", kind="task", actor=None, count=len(removed), after={"older_than_days": older_than / 86_400}
        )
    return len(removed)
