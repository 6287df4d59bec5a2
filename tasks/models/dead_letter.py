"""A task that is finally dead, or a message that could not be executed at all."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from tasks.masking import masked_text
from tasks.models.task import Task, new_id
from tasks.states import FailureCategory, Resolution


class DeadLetter(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Empty for a message that names no task: garbage on the broker is kept here, where operators see it.
    task = models.ForeignKey(
        Task, null=True, on_delete=models.CASCADE, related_name="dead_letters", db_index=False, db_constraint=False
    )
    type = models.CharField(max_length=100, blank=True, default="")
    queue = models.CharField(max_length=60, blank=True, default="")
    category = models.CharField(max_length=20, choices=FailureCategory.choices)
    error_class = models.CharField(max_length=200, blank=True, default="")
    message = models.TextField(blank=True, default="")
    traceback = models.TextField(blank=True, default="")
    fingerprint = models.CharField(max_length=16)
    attempts = models.PositiveIntegerField(default=0)
    body = models.TextField(blank=True, default="", help_text="The message as it came, where there is no task")
    x_death = models.JSONField(null=True, help_text="The broker's own account of the death")
    created_at = models.DateTimeField()
    announced_at = models.DateTimeField(null=True, help_text="Published to the dead-letter exchange")
    resolution = models.CharField(max_length=12, choices=Resolution.choices, blank=True, default="")
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="dead_letter_one_open", fields=["task"], condition=Q(task__isnull=False, resolution="")
            ),
            models.CheckConstraint(
                name="dead_letter_resolved",
                condition=Q(resolution="", resolved_at__isnull=True)
                | (~Q(resolution="") & Q(resolved_at__isnull=False)),
            ),
        ]
        indexes: ClassVar = [
            models.Index("task", name="dead_letter_task", condition=Q(task__isnull=False)),
            models.Index("created_at", name="dead_letter_created"),
            models.Index("fingerprint", name="dead_letter_open_group", condition=Q(resolution="")),
            models.Index("fingerprint", "created_at", name="dead_letter_group"),  # the newest of a group, its likes
            models.Index("created_at", name="dead_letter_to_announce", condition=Q(announced_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'message'}: {self.error_class} {masked_text(self.message)[:60]}"
