"""One claim of a task, written when it ended; a running one is shown from its task."""

from typing import ClassVar

from django.db import models

from tasks.models.task import Task
from tasks.states import FailureCategory, Outcome


class TaskAttempt(models.Model):
    # No constraint in the database: the check would cost a fifth of a finish (reference/protocol.md P3).
    task = models.ForeignKey(
        Task, on_delete=models.CASCADE, related_name="attempts", db_index=False, db_constraint=False
    )
    number = models.PositiveIntegerField()
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    worker = models.CharField(max_length=200)
    incarnation = models.UUIDField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    category = models.CharField(max_length=20, choices=FailureCategory.choices, blank=True, default="")
    error_class = models.CharField(max_length=200, blank=True, default="")
    error_message = models.TextField(blank=True, default="")
    traceback = models.TextField(blank=True, default="")
    result = models.JSONField(null=True)

    class Meta:
        verbose_name = "attempt"
        constraints: ClassVar = [
            models.UniqueConstraint(name="attempt_number", fields=["task", "number"]),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.task_id}"

    @property
    def duration_ms(self) -> int:
        return round((self.finished_at - self.started_at).total_seconds() * 1000)
