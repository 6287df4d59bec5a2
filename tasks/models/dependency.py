"""One task waits for another: an edge between two rows."""

from typing import ClassVar

from django.db import models

from tasks.models.task import Task


class TaskDependency(models.Model):
    """An edge counts once: what subtracts from the child's `unmet` first turns `met`."""

    child = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="dependencies", db_index=False, db_constraint=False
    )
    parent = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="dependents", db_index=False, db_constraint=False
    )
    met = models.BooleanField(default=False, help_text="The child need not wait for it any more")

    class Meta:
        verbose_name_plural = "task dependencies"
        constraints: ClassVar = [
            models.UniqueConstraint(name="dependency_once", fields=["child", "parent"]),
        ]
        indexes: ClassVar = [models.Index("parent", "child", name="dependency_parent")]

    def __str__(self) -> str:
        return f"{self.child_id} waits for {self.parent_id}"
