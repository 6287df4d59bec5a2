"""Bulk actions: the list, and the page of one with what it has done, live while it runs."""

import uuid
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest
from django.http.response import HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from tasks.admin.attempt_admin import task_link
from tasks.admin.badges import BULK_COLOURS, ITEM_COLOURS
from tasks.admin.bulk_action_start import VERBS, BulkActionStart, list_address
from tasks.admin.bulk_action_verbs import VERBS as STEERING
from tasks.admin.contents import may_see_contents, pretty
from tasks.admin.list_addresses import query_of
from tasks.admin.times import age, stamp_and_age
from tasks.admin.verb_pages import VerbPages
from tasks.admin.verbs import Verb
from tasks.bulk_overviews import names_of_items, progress_of
from tasks.masking import masked_text
from tasks.models import BulkAction, BulkActionItem
from tasks.searching import InvalidSearch, Selection
from tasks.services.bulk_actions import may_use
from tasks.states import BULK_FINAL, BulkStatus, BulkVerb, ItemState

ITEMS_SHOWN = 50


@admin.register(BulkAction)
class BulkActionAdmin(BulkActionStart, VerbPages):
    verbs = STEERING
    list_display = ("badge", "title", "progress", "reason_line", "actor", "created")
    list_display_links = ("badge", "title")
    list_filter = ("status", "verb")
    list_defer = ("selection", "options", "breakdown", "recent")
    list_select_related = ("actor",)
    ordering = ("-created_at", "-id")
    change_form_template = "admin/tasks/bulk_action_page.html"

    class Media:
        css: ClassVar = {"all": ["tasks/bulk.css"]}
        js: ClassVar = ["tasks/bulk_action.js"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.live_view)
        return [path("<uuid:pk>/live/", view, name="tasks_bulkaction_live"), *super().get_urls()]

    # --- The list -----------------------------------------------------------------------------------------------------

    @display(description="Status", label=BULK_COLOURS)
    def badge(self, action: BulkAction) -> tuple[str, str]:
        return action.status, action.get_status_display()

    @display(description="Action")
    def title(self, action: BulkAction) -> SafeString:
        label = VERBS[BulkVerb(action.verb)].label
        return format_html('{} <span class="ty-quiet">{}</span>', label, masked_text(action.words))

    @display(description="Progress")
    def progress(self, action: BulkAction) -> str:
        said = [f"{action.done:,} of {action.total:,}"]
        said += [f"{action.skipped:,} skipped"] if action.skipped else []
        said += [f"{action.failed:,} failed"] if action.failed else []
        return ", ".join(said)

    @display(description="Reason")
    def reason_line(self, action: BulkAction) -> str:
        return masked_text(action.reason)

    @display(description="Started")
    def created(self, action: Any) -> SafeString | None:
        return age(action.created_at, action.seen_at)

    # --- One action ---------------------------------------------------------------------------------------------------

    def buttons(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        return super().buttons(request, row) if may_use(request.user, BulkVerb(row.verb)) else []

    def verb_view(self, request: HttpRequest, object_id: str, verb: Verb) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is not None and not may_use(request.user, BulkVerb(row.verb)):
            raise PermissionDenied
        return super().verb_view(request, object_id, verb)

    def live_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Answers the part of the page that changes while the action runs, as HTML."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        return TemplateResponse(request, "admin/tasks/bulk_action_live.html", self._live(request, row))

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        verb = BulkVerb(row.verb)
        options = dict(row.options)
        patch = options.pop("patch", None)
        return {
            **self._live(request, row),
            "live": self._address("live", row.pk, request),
            "back": list_address(verb, _query(row)),
            "label": VERBS[verb].label,
            "words": masked_text(row.words),
            "facts": [
                ("Reason", masked_text(row.reason)),
                ("Started by", row.actor),
                ("Door", row.get_door_display()),
                ("Created", stamp_and_age(row.created_at, row.seen_at)),
                ("At the start", ", ".join(f"{number:,} {name}" for name, number in row.breakdown.items())),
                *((name.capitalize(), value) for name, value in options.items()),
            ],
            "patch": patch and (pretty(patch) if may_see_contents(request) else ""),
            "has_patch": patch is not None,
            **self._items(request, row),
        }

    def _live(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        return {
            "original": row,
            "badge": (row.get_status_display(), BULK_COLOURS[row.status]),
            "is_live": (row.status not in BULK_FINAL and row.status != BulkStatus.PAUSED) or _is_watched(row),
            "progress": progress_of(row),
            "note": masked_text(row.note),
            "times": [
                ("Begun", age(row.started_at, row.seen_at)),
                ("Ended", age(row.finished_at, row.seen_at)),
            ],
            "buttons": self.buttons(request, row),
        }

    def _items(self, request: HttpRequest, row: BulkAction) -> dict[str, Any]:
        """Returns one page of the items in the state that the address names."""
        state = request.GET.get("state", "")
        chosen = state if state in ItemState.values else ""
        items = row.items.order_by("position")
        if chosen:
            items = items.filter(state=chosen)
        found = Paginator(items, ITEMS_SHOWN).get_page(request.GET.get("page"))
        shown = list(found.object_list)
        names = names_of_items(shown) if request.user.has_perm("tasks.view_task") else {}
        return {
            "states": [("", "All", not chosen), *((each.value, each.label, each == chosen) for each in ItemState)],
            "state": chosen,
            "item_page": found,
            "items": [_item(item, row, names) for item in shown],
        }


def _item(item: BulkActionItem, row: BulkAction, names: dict[uuid.UUID, tuple[str, str]]) -> dict[str, Any]:
    if row.is_of_dead_letters:
        address = reverse("admin:tasks_deadletter_change", args=[item.target])
        target = format_html('<a class="text-link" href="{}">{}</a>', address, item.target)
    else:
        target = task_link(item.target, item.target)
    type_name, name = names.get(item.task_id, ("", "")) if item.task_id else ("", "")
    return {
        "target": target,
        "type": type_name,
        "name": name,
        "state": (item.get_state_display(), ITEM_COLOURS[item.state]),
        "reason": masked_text(item.reason),
        "outcome": item.get_outcome_display() if item.outcome else "",
    }


def _is_watched(row: BulkAction) -> bool:
    """Tells whether what it brought back is still to end."""
    return row.guard is not None and sum(row.ended.values()) < row.done


def _query(row: BulkAction) -> str:
    try:
        return query_of(Selection.from_json(row.selection))
    except InvalidSearch:
        return ""
