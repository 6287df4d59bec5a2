"""The base of Taskyard's own screens: they show, and change nothing."""

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, PAGE_VAR
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponse
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

from tasks import database
from tasks.admin.contents import may_see_contents, shortened
from tasks.admin.pagination import CappedPaginator
from tasks.searching.messages import quoted


class PreparedList(ChangeList):
    """A list that leaves wide columns in the database and gives its rows what their columns need besides."""

    result_list: list[Any]

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request, *args, **kwargs)
        return rows.defer(*self.model_admin.list_defer)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not 1 <= self.page_num <= self.paginator.num_pages:
            # Of a list with one page Django shows that one whatever page is asked for.
            raise IncorrectLookupParameters
        is_one = not self.multi_page or (self.show_all and self.can_show_all)
        self.result_list = (
            self.paginator.pages.between(0, self.result_count) if is_one else self.paginator.page_rows(self.page_num)
        )
        self.model_admin.prepare(self.result_list)
        # Where the two differ, unfold's header tells the count, without its cap. Ours is in the footer.
        self.full_result_count = self.result_count


class ReadOnlyAdmin(ModelAdmin):
    """Lists that cost the same whatever the table holds, and a page of facts for each row.

    Every row comes with `seen_at`, the database's time at which it was read.
    """

    actions = None
    fields: ClassVar[tuple[str, ...]] = ()
    list_defer: ClassVar[tuple[str, ...]] = ()
    list_per_page = 50
    has_history = False  # where nobody changes a row it would stay empty
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    sortable_by: ClassVar[tuple[str, ...]] = ()
    change_form_template: str | None = "admin/tasks/page.html"

    class Media:
        css: ClassVar = {"all": ["tasks/admin.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    # --- Rows --------------------------------------------------------------------------------------------------------

    def prepare(self, rows: Iterable[Any]) -> None:
        """Adds to the rows of one page what is not in their table, in a number of queries that does not grow."""
        now = database.now()
        for row in rows:
            row.seen_at = now

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PreparedList]:
        return PreparedList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            self.prepare([row])
        return row

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # Django lets a URL filter by any column. `?payload__contains=` would read payloads out letter by letter for
        # users who may not see them, and most columns have no index.
        filters = {each if isinstance(each, str) else each.parameter_name for each in self.list_filter}
        return lookup.removesuffix("__exact") in filters and "\x00" not in value

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Finds by whole ids in the columns of `search_fields`: anything else would read the whole table."""
        if not search_term or not self.search_fields:
            return queryset, False
        try:
            wanted = uuid.UUID(search_term.strip())
        except ValueError:
            self.message_user(request, "Search takes a whole id.", messages.WARNING)
            return queryset.none(), False
        condition = Q()
        for column in self.search_fields:
            condition |= Q((column, wanted))
        return queryset.filter(condition), False

    # --- Pages -------------------------------------------------------------------------------------------------------

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Returns what the page of one row shows: badges, facts, error, contents and tables, as in `page.html`."""
        return {}

    def buttons(self, request: HttpRequest, row: Any) -> list[dict[str, Any]]:
        """Returns what the user can do to the row: {label, address, is_grave}."""
        return []

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        kept = request.GET.copy()
        if unknown := [name for name in kept if not self._is_known(name, request)]:
            # Django answers 400 and logs an attack with its traceback, where somebody has mistyped an address.
            for name in unknown:
                del kept[name]
            names = ", ".join(quoted(name) for name in unknown[:5])
            words = f"This list is not filtered by {names}: it is shown without that, and nothing was done."
            self.message_user(request, words, messages.ERROR)
            return HttpResponseRedirect(f"{request.path}?{kept.urlencode()}" if kept else request.path)
        title = capfirst(str(self.opts.verbose_name_plural))
        response: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        led_away = isinstance(response, HttpResponseRedirect) and response.url == f"{request.path}?{ERROR_FLAG}=1"
        if led_away and PAGE_VAR in request.GET:
            # Django leads away from a page that is not there, to a list that has lost its search and filters.
            page = kept.pop(PAGE_VAR)[-1]
            words = f"There is no page {shortened(page, 20)}: this is the first."
            words += " Nothing was done." if request.method == "POST" else ""
            self.message_user(request, words, messages.WARNING)
            return HttpResponseRedirect(f"{request.path}?{kept.urlencode()}")
        return response

    def _is_known(self, parameter: str, request: HttpRequest) -> bool:
        texts = request.GET.getlist(parameter)
        return parameter in (*IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG) or all(
            self.lookup_allowed(parameter, text, request) for text in texts
        )

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        if obj is not None:
            context |= {"show_history": self.has_history, "may_see_contents": may_see_contents(request)}
            context |= {"buttons": self.buttons(request, obj), **self.page(request, obj)}
        response: HttpResponse = super().render_change_form(request, context, add, change, form_url, obj)
        return response
