"""What failed in the same way, as one thing: counted, and judged by operators. And what is still to be counted."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from tasks.masking import masked_text
from tasks.states import FailureCategory, GroupState


class FailureGroup(models.Model):
    """Written by the coordinator, which folds the changes in (`transitions.grouping`), and by the verbs of people."""

    fingerprint = models.CharField(primary_key=True, max_length=16, editable=False)
    type = models.CharField(max_length=100, blank=True, default="")
    category = models.CharField(max_length=20, choices=FailureCategory.choices, help_text="Of the newest death")
    error_class = models.CharField(max_length=200, blank=True, default="")
    message = models.TextField(blank=True, default="", help_text="Of the death that made the group")
    open_count = models.IntegerField(default=0, help_text="Dead letters that nobody has resolved")
    total_count = models.PositiveIntegerField(default=0, help_text="Deaths in all")
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    queues = models.JSONField(default=dict, help_text="Deaths by queue")
    hours = models.JSONField(default=dict, help_text="Deaths by hour of the epoch, of the last seven days")
    state = models.CharField(max_length=10, choices=GroupState.choices, default=GroupState.OPEN)
    state_at = models.DateTimeField(null=True, help_text="When it came into the state")
    state_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    state_reason = models.CharField(max_length=1000, blank=True, default="")
    returned_at = models.DateTimeField(null=True, help_text="When it came back after it had been resolved")
    returned_after = models.DateTimeField(null=True, help_text="When that was")
    returned_worker = models.CharField(max_length=200, blank=True, default="")
    returned_release = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        default_permissions = ()  # who may see and resolve dead letters may do so with many of them at once
        indexes: ClassVar = [
            models.Index("state", models.F("last_seen").desc(), name="failure_group_newest"),
            models.Index("state", models.F("open_count").desc(), name="failure_group_worst"),
        ]

    def __str__(self) -> str:
        return f"{self.type or 'message'}: {self.error_class} {masked_text(self.message)[:60]}"


class FailureGroupChange(models.Model):
    """Deaths and resolutions that no group counts yet. Only added to where work is done, so that nobody waits there."""

    fingerprint = models.CharField(max_length=16)
    at = models.DateTimeField()
    queue = models.CharField(max_length=60, blank=True, default="")
    worker = models.CharField(max_length=200, blank=True, default="", help_text="Where the first of them died")
    died = models.PositiveIntegerField(default=0)
    closed = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.fingerprint} +{self.died} -{self.closed}"
