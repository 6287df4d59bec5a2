"""One verb done to everything that a search matched when it was started, and what became of each item."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from tasks.models.task import new_id
from tasks.states import (
    BULK_ACTIVE,
    BULK_FINAL,
    BULK_OPEN,
    OF_DEAD_LETTERS,
    BulkStatus,
    BulkVerb,
    Door,
    ItemState,
    Watched,
)


class BulkAction(models.Model):
    is_new = False  # True of what has just been started

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    verb = models.CharField(max_length=16, choices=BulkVerb.choices)
    selection = models.JSONField(help_text="What was searched for")
    words = models.TextField(blank=True, default="", help_text="The same, for people")
    selection_hash = models.CharField(max_length=64)
    options = models.JSONField(default=dict, help_text="Priority, merge patch, spread")
    guard = models.JSONField(null=True, help_text="Canary, rate a second, share of failures at which it stops")
    reason = models.TextField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    door = models.CharField(max_length=12, choices=Door.choices)
    token = models.CharField(max_length=200, null=True)  # noqa: DJ001  (NULL keeps it out of the index)

    status = models.CharField(max_length=12, choices=BulkStatus.choices)
    note = models.TextField(blank=True, default="", help_text="Why it is in this status")
    expected = models.PositiveIntegerField(null=True, help_text="How many the confirmation showed")
    total = models.PositiveIntegerField()
    breakdown = models.JSONField(default=dict, help_text="How many were in which status at the start")
    cursor = models.PositiveIntegerField(default=0, help_text="Position of the next item")
    done = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    skip_reasons = models.JSONField(default=dict, help_text="How many were skipped for which reason")

    ended = models.JSONField(default=dict, help_text="How many of what a guarded one brought back ended in which way")
    recent = models.CharField(max_length=1000, blank=True, default="", help_text="How the latest of them ended")
    next_at = models.DateTimeField(null=True, help_text="The rate allows no more before this time")

    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "bulk action"
        default_permissions: ClassVar = ("view",)  # to start one needs the right to its verb
        constraints: ClassVar = [
            models.CheckConstraint(
                name="bulk_action_final_is_finished",
                condition=Q(status__in=sorted(BULK_FINAL), finished_at__isnull=False)
                | (~Q(status__in=sorted(BULK_FINAL)) & Q(finished_at__isnull=True)),
            ),
            # The same form sent twice, and two people who press the same button.
            models.UniqueConstraint(
                name="bulk_action_token", fields=["actor", "token"], condition=Q(token__isnull=False)
            ),
            models.UniqueConstraint(
                name="bulk_action_one_at_a_time",
                fields=["verb", "selection_hash"],
                condition=Q(status__in=sorted(BULK_OPEN)),
            ),
        ]
        indexes: ClassVar = [
            models.Index("id", name="bulk_action_active", condition=Q(status__in=sorted(BULK_ACTIVE))),
            models.Index("created_at", name="bulk_action_created"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verb_display()}: {self.words}"

    @property
    def is_of_dead_letters(self) -> bool:
        return self.verb in OF_DEAD_LETTERS

    @property
    def left(self) -> int:
        """How many items it has not touched."""
        return self.total - self.done - self.skipped - self.failed


class BulkActionItem(models.Model):
    action = models.ForeignKey(BulkAction, on_delete=models.CASCADE, related_name="items", db_index=False)
    position = models.PositiveIntegerField()
    target = models.UUIDField(help_text="A task or a dead letter")
    task_id = models.UUIDField(null=True, help_text="The task itself, or that of the dead letter")
    state = models.CharField(max_length=8, choices=ItemState.choices, default=ItemState.WAITING)
    reason = models.TextField(blank=True, default="", help_text="Why it was skipped or failed")
    outcome = models.CharField(max_length=10, choices=Watched.choices, blank=True, default="")
    at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "item"
        default_permissions: ClassVar = ()
        constraints: ClassVar = [
            models.UniqueConstraint(name="bulk_action_position", fields=["action", "position"]),
        ]
        indexes: ClassVar = [
            models.Index(
                "action", "position", name="bulk_item_not_done",
                condition=Q(state__in=[ItemState.SKIPPED, ItemState.FAILED]),
            ),
            models.Index("action", name="bulk_item_awaited", condition=Q(outcome=Watched.AWAITED)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.target}: {self.state}"
