"""Lists of what a search and filters select; both stay in the address, and say what is wrong with them."""

from typing import Any, ClassVar

from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import URLPattern, path

from tasks.admin.list_export import ListExport, export_links
from tasks.admin.read_only import PreparedList
from tasks.admin.verb_pages import VerbPages
from tasks.searching import FILTERS, InvalidSearch, Selection, complete


class SelectedRows(PreparedList):
    """`selection` is what is listed, `search_errors` why it is nothing, `search_notes` what to know of it."""

    selection: Selection
    search_errors: list[str]
    search_notes: list[str]

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        rows = super().get_queryset(request, *args, **kwargs)
        self.selection = self.model_admin.selection(request)
        self.search_errors, self.search_notes = [], []
        try:
            chosen = self.selection.rows(request.user)
            self.search_notes = self.selection.notes_for(request.user)
        except InvalidSearch as error:
            self.search_errors = [_words(each) for each in error.errors]
            return rows.none()
        return chosen.order_by(*self.selection.order).defer(*self.model_admin.list_defer)

    @property
    def export_links(self) -> list[tuple[str, str]]:
        return export_links(self.selection) if self.result_count else []


class SelectionList(ListExport, VerbPages):
    list_before_template = "admin/tasks/search_notes.html"
    list_filter_submit = True
    search_fields = ("id",)  # that there is a search; it is read by `searching`
    search_help_text = "status:failed type:http_request"

    class Media:
        css: ClassVar = {"all": ["tasks/search.css"]}
        js: ClassVar = ["tasks/search.js"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PreparedList]:
        return SelectedRows

    def selection(self, request: HttpRequest) -> Selection:
        """Returns what the address selects, for the list and for whatever is done with all of it."""
        given = request.GET
        # `name__exact` is how Django's own filters are written in addresses that people kept.
        found = {name: given.get(name) or given.get(f"{name}__exact") or "" for name in FILTERS[self.selects]}
        return Selection(self.selects, given.get(SEARCH_VAR, ""), found)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup.removesuffix("__exact") in FILTERS[self.selects]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return queryset, False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.complete_view)
        return [path("complete/", view, name=f"tasks_{self.opts.model_name}_complete"), *super().get_urls()]

    def complete_view(self, request: HttpRequest) -> JsonResponse:
        """Answers what the text in `q`, which ends at the cursor, may become."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = complete(self.selects, request.GET.get(SEARCH_VAR, ""), request.user)
        return JsonResponse({"suggestions": [each.as_json() for each in found]})


def _words(error: dict[str, str]) -> str:
    detail, attr = error["detail"], error["attr"].replace("_", " ")
    said = detail if error["attr"] == SEARCH_VAR else f"{attr}: {detail}"
    said = f"{said[:1].upper()}{said[1:]}"
    return said if said.endswith("?") else f"{said}."
