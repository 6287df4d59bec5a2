"""The audit trail: who changed what. Nobody edits it, whatever their rights are."""

import json
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from tasks import audit_trail, database
from tasks.admin.attempt_admin import task_link
from tasks.admin.badges import GREY
from tasks.admin.contents import may_see_contents, shortened
from tasks.admin.read_only import ReadOnlyAdmin
from tasks.admin.times import age, stamp_and_age
from tasks.masking import masked_text
from tasks.models import AuditEntry
from tasks.states import Door

DOOR_COLOURS: dict[str, str] = {
    Door.ADMIN: "primary",
    Door.API: "info",
    Door.COMMAND_LINE: "warning",
    Door.SYSTEM: GREY,
}
_SPANS = {"hour": 3_600, "day": 86_400, "week": 7 * 86_400, "month": 30 * 86_400}


class _WordFilter(SimpleListFilter):
    """By what stands in a column of the newest entries."""

    column = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        words = audit_trail.words_of(self.column)
        if self.value() and self.value() not in words:
            words.append(str(self.value()))
        return [(word, word) for word in words if word]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class ActorFilter(_WordFilter):
    title, parameter_name, column = "actor", "actor", "actor_name"


class VerbFilter(_WordFilter):
    title, parameter_name, column = "verb", "verb", "verb"


class KindFilter(_WordFilter):
    title, parameter_name, column = "kind", "kind", "kind"


class TimeFilter(SimpleListFilter):
    title, parameter_name = "time", "time"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, f"Last {name}") for name in _SPANS]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        seconds = _SPANS.get(self.value() or "")
        return queryset.filter(at__gte=database.now() - timedelta(seconds=seconds)) if seconds else queryset


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin):
    list_display = ("when", "who", "what", "on", "door_badge", "why")
    list_display_links = ("what",)
    list_filter = (ActorFilter, VerbFilter, KindFilter, "door", TimeFilter)
    list_defer = ("before", "after", "ids")
    ordering = ("-id",)
    search_fields = ("target",)
    search_help_text = "Id or name of what was changed, whole"

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> "tuple[QuerySet[Any], bool]":
        term = search_term.strip().replace("\x00", "")
        return (queryset.filter(Q(target=term)) if term else queryset), False

    @display(description="When")
    def when(self, entry: Any) -> Any:
        return age(entry.at, entry.seen_at)

    @display(description="Who")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name or "Taskyard"

    @display(description="Did")
    def what(self, entry: AuditEntry) -> str:
        return f"{entry.verb} {entry.kind}" + (f", {entry.count:,} of them" if entry.count > 1 else "")

    @display(description="To")
    def on(self, entry: AuditEntry) -> str | None:
        return shortened(entry.target, 60) or None

    @display(description="Door", label=DOOR_COLOURS)
    def door_badge(self, entry: AuditEntry) -> tuple[str, str]:
        return entry.door, entry.get_door_display()

    @display(description="Reason")
    def why(self, entry: AuditEntry) -> str | None:
        return shortened(masked_text(entry.reason), 90) or None

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        seen = may_see_contents(request)
        before, after = (audit_trail.shown(values, with_payload=seen) or {} for values in (row.before, row.after))
        changes = [(name, _text(before, name), _text(after, name)) for name in {**before, **after}]
        return {
            "badges": [(self.what(row), ""), (row.get_door_display(), DOOR_COLOURS.get(row.door, ""))],
            "facts": [
                ("Who", self.who(row)),
                ("With the API key", row.key and f"{row.key}…"),
                ("When", stamp_and_age(row.at, row.seen_at)),
                ("Target", task_link(row.target, row.target) if row.kind == "task" and row.target else row.target),
                ("Changed", f"{row.count:,}"),
                ("Reason", masked_text(row.reason)),
            ],
            "tables": [
                {"title": "Changes", "headers": ("", "Before", "After"), "rows": changes},
                *(
                    [{"title": _heading(row), "headers": (row.kind,), "rows": [(each,) for each in row.ids]}]
                    if row.count > 1
                    else []
                ),
            ],
        }


def _heading(row: AuditEntry) -> str:
    return "What was changed" if len(row.ids) == row.count else f"The first {len(row.ids)} of what was changed"


def _text(values: dict[str, Any], name: str) -> str | None:
    if name not in values:
        return None
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
