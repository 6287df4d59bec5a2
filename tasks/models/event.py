"""What the attempts do not show of a task's life, with who did it and why."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from tasks.models.task import Task
from tasks.states import EventKind


class TaskEvent(models.Model):
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="events", db_index=False, db_constraint=False)
    at = models.DateTimeField()
    kind = models.CharField(max_length=20, choices=EventKind.choices)
    attempt = models.PositiveIntegerField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    reason = models.TextField(blank=True, default="")
    changes = models.JSONField(null=True, help_text="Each changed field with its value before and after")

    class Meta:
        verbose_name = "event"
        indexes: ClassVar = [models.Index("task", "id", name="event_task")]

    def __str__(self) -> str:
        return f"{self.kind} {self.task_id}"
