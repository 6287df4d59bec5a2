"""A line that a handler wrote beside its task."""

from typing import ClassVar

from django.db import models

from tasks.masking import masked_text
from tasks.models.task import Task


class TaskLog(models.Model):
    LEVELS: ClassVar = [(level, level) for level in ("debug", "info", "warning", "error")]

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="logs", db_index=False, db_constraint=False)
    attempt = models.PositiveIntegerField()
    at = models.DateTimeField()
    level = models.CharField(max_length=8, choices=LEVELS)
    message = models.TextField()
    fields = models.JSONField(default=dict)

    class Meta:
        verbose_name = "log line"
        indexes: ClassVar = [models.Index("task", "id", name="log_task")]

    def __str__(self) -> str:
        return f"{self.level}: {masked_text(self.message)[:60]}"
