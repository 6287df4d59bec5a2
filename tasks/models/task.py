"""One piece of work that somebody asked for."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from tasks.states import FINAL, MOVES, Move, OnDependencyFailure, TaskStatus
from tasks.wording import visible

LOWEST_PRIORITY, HIGHEST_PRIORITY, DEFAULT_PRIORITY = 0, 9, 5
FINAL_STATUSES = sorted(FINAL)


def new_id() -> uuid.UUID:
    """Returns a UUIDv7: its order is the order of submission, which keeps the primary key's pages warm."""
    return uuid7()


class Task(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    type = models.CharField(max_length=100)
    name = models.CharField(max_length=200, blank=True, default="")
    queue = models.CharField(max_length=60)
    priority = models.PositiveSmallIntegerField(default=DEFAULT_PRIORITY)
    status = models.CharField(max_length=12, choices=TaskStatus.choices)
    payload = models.JSONField(default=dict)
    payload_bytes = models.PositiveIntegerField(default=0, help_text="Bounds what one message brings a worker to load")
    tags = models.JSONField(default=list, blank=True)

    timeout = models.FloatField(help_text="Seconds one attempt may take")
    retry = models.JSONField(help_text="Retry policy, in seconds")
    max_attempts = models.PositiveSmallIntegerField()
    budget = models.PositiveSmallIntegerField(help_text="Attempts that a fresh start gives")
    attempt = models.PositiveIntegerField(default=0, help_text="Number of the newest claim; it only rises")
    uncounted = models.PositiveIntegerField(default=0, help_text="Attempts lost or handed back: not of the budget")

    run_at = models.DateTimeField(help_text="Not before this time")
    created_at = models.DateTimeField()
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    lease_expires_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=200, blank=True, default="")
    incarnation = models.UUIDField(null=True, help_text="Random id of the process that holds the lease")
    alone = models.BooleanField(default=False, help_text="The running attempt has its process to itself")
    suspect = models.BooleanField(default=False, help_text="Was in a process that died: travels and runs alone")
    losses = models.PositiveSmallIntegerField(default=0, help_text="Processes lost while it ran alone")
    returns = models.PositiveSmallIntegerField(default=0, help_text="Times its message was lost")
    cancel_requested_at = models.DateTimeField(null=True)
    progress = models.FloatField(null=True, help_text="0 to 1")
    progress_text = models.CharField(max_length=200, blank=True, default="")

    parked = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="Why the dispatcher passes over it"
    )
    parked_at = models.DateTimeField(null=True)
    unmet = models.PositiveIntegerField(default=0, db_default=0, help_text="Dependencies that are not completed")
    on_dependency_failure = models.CharField(
        max_length=4,
        choices=OnDependencyFailure.choices,
        default=OnDependencyFailure.FAIL,
        db_default=OnDependencyFailure.FAIL.value,
    )
    has_dependents = models.BooleanField(default=False, db_default=False, help_text="Others depend on it")
    unsettled = models.BooleanField(default=False, db_default=False, help_text="It ended, and not all dependents know")
    compensates = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, db_index=False, db_constraint=False, related_name="+",
        help_text="What it undoes",
    )  # fmt: skip
    compensation = models.JSONField(null=True, help_text="Type and payload of the task that undoes this one")
    clone_of = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, db_index=False, db_constraint=False, related_name="+",
        help_text="What it is a copy of",
    )  # fmt: skip

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    idempotency_key = models.CharField(max_length=200, null=True)  # noqa: DJ001  (NULL keeps it out of the index)
    idempotency_hash = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        permissions: ClassVar = [
            ("view_payload", "Can see payloads, results, logs and tracebacks"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="task_final_is_finished",
                condition=Q(status__in=FINAL_STATUSES, finished_at__isnull=False)
                | (~Q(status__in=FINAL_STATUSES) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="task_processing_is_leased",
                condition=~Q(status=TaskStatus.PROCESSING)
                | Q(lease_expires_at__isnull=False, incarnation__isnull=False),
            ),
            models.CheckConstraint(
                name="task_priority_range",
                condition=Q(priority__gte=LOWEST_PRIORITY, priority__lte=HIGHEST_PRIORITY),
            ),
            models.UniqueConstraint(
                name="task_idempotency_by_user",
                fields=["created_by", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False, created_by__isnull=False),
            ),
            models.UniqueConstraint(
                name="task_idempotency_no_user",
                fields=["idempotency_key"],
                condition=Q(idempotency_key__isnull=False, created_by__isnull=True),
            ),
            # What one task did is undone by one other; where that was cancelled, by a next.
            models.UniqueConstraint(
                name="task_compensated_once",
                fields=["compensates"],
                condition=Q(compensates__isnull=False) & ~Q(status=TaskStatus.CANCELLED),
            ),
        ]
        # Partial where they can be: every index that a move touches makes each task dearer (reference/protocol.md P3).
        indexes: ClassVar = [
            models.Index("queue", F("priority").desc(), "run_at", "id", name="task_pending",
                         condition=Q(status=TaskStatus.PENDING, parked="")),
            models.Index("queue", "type", name="task_parked", condition=~Q(parked="")),
            models.Index("id", name="task_blocked", condition=Q(status=TaskStatus.BLOCKED)),
            models.Index("id", name="task_unsettled", condition=Q(unsettled=True)),
            models.Index("run_at", name="task_waiting_for_time",
                         condition=Q(status__in=[TaskStatus.SCHEDULED, TaskStatus.RETRYING])),
            models.Index("queue", name="task_processing", condition=Q(status=TaskStatus.PROCESSING)),
            models.Index("queue", "priority", "queued_at", name="task_queued",
                         condition=Q(status=TaskStatus.QUEUED)),
            models.Index("created_at", name="task_created"),
            models.Index("type", "created_at", name="task_type_created"),
            models.Index("finished_at", name="task_finished", condition=Q(finished_at__isnull=False)),
            models.Index("created_at", name="task_failed", condition=Q(status=TaskStatus.FAILED)),
            models.Index("created_at", name="task_cancelled", condition=Q(status=TaskStatus.CANCELLED)),
            models.Index("created_by", name="task_created_by", condition=Q(created_by__isnull=False)),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{visible(self.name or self.type)} {self.id}"

    @property
    def failures(self) -> int:
        """How much of the budget is used up."""
        return self.attempt - self.uncounted

    def allows(self, move: Move) -> bool:
        """Tells whether the state table lets the move start here."""
        return self.status in MOVES[move][0]
