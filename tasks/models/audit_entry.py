"""One operation that changed something: who, through which door, on what, why, before and after."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from tasks.states import Door


class AuditEntry(models.Model):
    at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # As they were called then; on the command line the account of the machine.
    actor_name = models.CharField(max_length=200, blank=True, default="")
    key = models.CharField(max_length=16, blank=True, default="", help_text="The API key's visible beginning")
    door = models.CharField(max_length=12, choices=Door.choices)
    verb = models.CharField(max_length=40)
    kind = models.CharField(max_length=40, help_text="Of what was changed")
    target = models.CharField(max_length=200, blank=True, default="", help_text="Which one, where it was one")
    count = models.PositiveIntegerField(default=1)
    ids = models.JSONField(default=list, help_text="The first of them")
    reason = models.TextField(blank=True, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"
        default_permissions: ClassVar = ("view",)  # nobody writes it by hand
        # By id, which is the order of time, whatever is filtered.
        indexes: ClassVar = [
            models.Index("actor_name", "id", name="audit_actor"),
            models.Index("kind", "target", "id", name="audit_target"),
            models.Index("at", name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.kind} {self.target}".strip()
