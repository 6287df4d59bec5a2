"""What is shown of the audit trail, and to whom: payloads and results are for those who may see payloads."""

from typing import Any

from django.db.models import QuerySet

from tasks.auditing import CONTENTS
from tasks.models import AuditEntry

HIDDEN = "hidden: this needs the permission tasks.view_payload"


def entries() -> "QuerySet[AuditEntry]":
    """Returns the trail, the newest first."""
    return AuditEntry.objects.select_related("actor").order_by("-id")


def shown(values: Any, *, with_payload: bool) -> Any:
    """Returns what was before or is after, as a user may see it."""
    if not isinstance(values, dict) or with_payload:
        return values
    return {name: HIDDEN if name in CONTENTS else value for name, value in values.items()}


def words_of(column: str, most: int = 1_000) -> list[str]:
    """Returns what stands in a column of the newest entries: a filter's choices must not cost reading them all."""
    newest = AuditEntry.objects.order_by("-id").values("pk")[:most]
    return sorted(AuditEntry.objects.filter(pk__in=newest).order_by().values_list(column, flat=True).distinct())
