"""Groups of failures: what died in the same way, how often, since when, and what operators think of it."""

from collections.abc import Iterable
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from tasks import database, failure_overviews, registry
from tasks.admin.badges import GROUP_COLOURS
from tasks.admin.contents import error_line, shortened
from tasks.admin.dead_letter_admin import resolution_of
from tasks.admin.dead_letter_evidence import letter_link
from tasks.admin.failure_group_verbs import VERBS
from tasks.admin.sparkline import sparkline
from tasks.admin.times import age, stamp_and_age
from tasks.admin.verb_pages import VerbPages
from tasks.masking import masked_text
from tasks.models import DeadLetter, FailureGroup
from tasks.states import BulkVerb, GroupState

SHOWN = 20


class TypeFilter(SimpleListFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(handler.name, handler.name) for handler in registry.handlers()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(FailureGroup)
class FailureGroupAdmin(VerbPages):
    verbs = VERBS
    list_display = ("badge", "error", "type", "open_ones", "total", "trend", "seen", "first")
    list_display_links = ("badge", "error")
    list_filter = ("state", "category", TypeFilter)
    list_select_related = ("state_by",)
    ordering = ("-last_seen", "fingerprint")
    sortable_by: ClassVar[tuple[str, ...]] = ("open_ones", "total", "seen", "first")
    search_fields = ("fingerprint",)  # that there is a search; `get_search_results` reads it
    search_help_text = "Part of the error, its class or type, or how the fingerprint begins"
    change_form_template = "admin/tasks/failure_group_page.html"

    class Media:
        css: ClassVar = {"all": ["tasks/deadletters.css"]}

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("tasks.view_deadletter")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return failure_overviews.groups()

    def prepare(self, rows: Iterable[Any]) -> None:
        now = database.now()
        for row in rows:
            row.seen_at = now

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Reads all groups: they are few beside the dead letters."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(fingerprint__startswith=term.lower())
        for column in ("type", "error_class", "message"):
            found |= Q((f"{column}__icontains", term))
        return queryset.filter(found), False

    @display(description="State", label=GROUP_COLOURS)
    def badge(self, group: FailureGroup) -> tuple[str, str]:
        return state_of(group)

    @display(description="Error")
    def error(self, group: FailureGroup) -> str:
        return shortened(error_line(group.error_class, group.message), 90) or group.category

    @display(description="Open", ordering="open_count")
    def open_ones(self, group: FailureGroup) -> str:
        return f"{max(0, group.open_count):,}"

    @display(description="In all", ordering="total_count")
    def total(self, group: FailureGroup) -> str:
        return f"{group.total_count:,}"

    @display(description="Last 24 h")
    def trend(self, group: Any) -> SafeString:
        return day_picture(group)

    @display(description="Last seen", ordering="last_seen")
    def seen(self, group: Any) -> SafeString | None:
        return age(group.last_seen, group.seen_at)

    @display(description="First seen", ordering="first_seen")
    def first(self, group: Any) -> SafeString | None:
        return age(group.first_seen, group.seen_at)

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        state, words = state_of(row)
        week = failure_overviews.week_of(row, row.seen_at)
        return {
            "badges": [(words, GROUP_COLOURS.get(state, ""))],
            "facts": [
                ("Fingerprint", row.fingerprint),
                ("Type", row.type or "message"),
                ("Category", row.get_category_display()),
                ("Open", f"{max(0, row.open_count):,}"),
                ("Deaths in all", f"{row.total_count:,}"),
                ("Last seen", stamp_and_age(row.last_seen, row.seen_at)),
                ("First seen", stamp_and_age(row.first_seen, row.seen_at)),
                ("Queues", ", ".join(f"{name or 'none'} {number:,}" for name, number in sorted(row.queues.items()))),
                *self._judgement(row),
            ],
            "error": error_line(row.error_class, row.message),
            "returned": _returned(row),
            "pictures": [
                ("Last 24 hours", sum(failure_overviews.day_of(row, row.seen_at)), day_picture(row)),
                ("Last 7 days", sum(week), sparkline(week, f"{sum(week):,} deaths in 7 days")),
            ],
            "tables": [self._letters(row)],
            "links": self._links(request, row),
        }

    def _judgement(self, row: Any) -> list[tuple[str, Any]]:
        if row.state_at is None or row.state == GroupState.OPEN:
            return []
        label = row.get_state_display()
        found: list[tuple[str, Any]] = [(label, stamp_and_age(row.state_at, row.seen_at)), ("By", row.state_by)]
        return [*found, ("Why", masked_text(row.state_reason))] if row.state_reason else found

    def _letters(self, row: Any) -> dict[str, Any]:
        letters = DeadLetter.objects.filter(fingerprint=row.pk).defer("traceback", "body", "x_death")
        shown = letters.order_by("-created_at", "-id")[:SHOWN]
        rows = [
            (
                letter_link(letter),
                resolution_of(letter)[1],
                letter.queue,
                letter.attempts,
                age(letter.created_at, row.seen_at),
                shortened(masked_text(letter.message), 100),
            )
            for letter in shown
        ]
        headers = ["Dead letter", "Resolution", "Queue", "Attempts", "Died", "Message"]
        return {"title": f"Newest dead letters (at most {SHOWN})", "headers": headers, "rows": rows}

    def _links(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        of_group = urlencode({"resolution": "open", "fingerprint": row.pk})
        letters = reverse("admin:tasks_deadletter_changelist")
        found = [{"label": "Its open dead letters", "address": f"{letters}?{of_group}", "is_grave": False}]
        if request.user.has_perm("tasks.change_deadletter") and row.open_count > 0:
            for verb, label in ((BulkVerb.REPROCESS, "Reprocess all open"), (BulkVerb.DISCARD, "Discard all open")):
                start = reverse("admin:tasks_bulkaction_start", args=[verb])
                grave = verb == BulkVerb.DISCARD
                found.append({"label": label, "address": f"{start}?{of_group}", "is_grave": grave})
        return found

    def buttons(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        return [*super().buttons(request, row), *self._links(request, row)]


def state_of(group: FailureGroup) -> tuple[str, str]:
    """Returns the state and its words; one that came back says so."""
    if group.state == GroupState.OPEN and group.returned_at is not None:
        return "returned", "Back"
    return group.state, group.get_state_display()


def day_picture(group: Any) -> SafeString:
    day = failure_overviews.day_of(group, group.seen_at)
    return sparkline(day, f"{sum(day):,} deaths in 24 hours")


def _returned(row: Any) -> SafeString | None:
    if row.returned_at is None:
        return None
    where = f" on {row.returned_worker}" if row.returned_worker else ""
    release = f" (release {row.returned_release})" if row.returned_release else ""
    return format_html(
        "It came back {}, after it had been resolved {}: the first death was{}{}.",
        stamp_and_age(row.returned_at, row.seen_at),
        stamp_and_age(row.returned_after, row.seen_at) or "before",
        where or " somewhere",
        release,
    )
