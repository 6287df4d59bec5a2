"""The export of a list: everything that its search and filters match, in the browser's downloads."""

from typing import ClassVar

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from tasks import exporting
from tasks.admin.contents import may_see_contents
from tasks.admin.list_addresses import query_of, selection_in
from tasks.exceptions import InvalidSubmission
from tasks.searching import InvalidSearch, Kind, Selection

FORMAT = "format"


def export_links(selection: Selection) -> list[tuple[str, str]]:
    """Returns labels and addresses, which are relative to the list's own."""
    query = query_of(selection)
    return [
        (str(each.label), f"export/?{FORMAT}={each.value}{'&' if query else ''}{query}") for each in exporting.Format
    ]


class ListExport(ModelAdmin):
    selects: ClassVar[Kind]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name=f"tasks_{self.opts.model_name}_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Sends the file, or leads back to the list and says why there is none."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        query = request.GET.copy()
        (form,) = query.pop(FORMAT, [""])[-1:]
        try:
            export = exporting.Export(
                selection_in(self.selects, query),
                exporting.format_of(str(form)),
                actor=request.user,
                with_payload=may_see_contents(request),
            )
            return exporting.answer(request, export)
        except (InvalidSearch, InvalidSubmission) as error:
            for each in error.errors:
                self.message_user(request, f"Nothing was exported: {each['detail']}.", messages.ERROR)
            address = reverse(f"admin:tasks_{self.opts.model_name}_changelist")
            return HttpResponseRedirect(f"{address}?{query.urlencode()}" if query else address)
