"""Exports: everything that a list's search and filters match, as a file."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import media_type_matches

from tasks import exporting
from tasks.api.answers import TaskShape
from tasks.api.dead_letter_answers import DeadLetterShape
from tasks.api.filters import SelectionFilter, selection_of
from tasks.api.permissions import ModelPermissions, may_see_payload
from tasks.api.views.chunked import ReadsChunked
from tasks.exceptions import InvalidSubmission
from tasks.exporting.files import MEDIA_TYPES, Format
from tasks.models import DeadLetter, Task
from tasks.searching import DEAD_LETTERS, TASKS, Kind

FORMAT = "format"
_FORMAT = OpenApiParameter(
    FORMAT,
    {"type": "string", "enum": Format.values, "default": Format.CSV.value},
    description="What the file is; Accept, where it is sent, has to allow its type",
)
_WORDS = (
    "The newest first, without pages. What is submitted meanwhile is not in it, and each row is as it was when it was "
    "read. A failure on the way ends the connection before the last chunk. Payloads, results and tracebacks are there "
    "with the permission tasks.view_payload alone, and more than 1,048,575 rows in CSV and JSON alone. The audit trail "
    "tells of each export."
)


def _answers(shape: Any) -> dict[Any, Any]:
    return {
        (200, MEDIA_TYPES[Format.CSV]): OpenApiResponse(OpenApiTypes.STR, "The file"),
        (200, MEDIA_TYPES[Format.JSON]): list[shape],
        (200, MEDIA_TYPES[Format.XLSX]): OpenApiTypes.BINARY,
    }


class FileNegotiation(BaseContentNegotiation):
    """Takes what allows the file's type, or JSON, which refusals come in."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        try:
            sent = MEDIA_TYPES[exporting.format_of(request.query_params.get(FORMAT, ""))]
        except InvalidSubmission:  # which the view will say
            sent = JSONRenderer.media_type
        allowed = DefaultContentNegotiation().get_accept_list(request)
        if not any(media_type_matches(each, one) for one in allowed for each in (sent, JSONRenderer.media_type)):
            raise NotAcceptable(available_renderers=renderers)
        return renderers[0], renderers[0].media_type


class _Exports(ReadsChunked):
    permission_classes = [ModelPermissions]
    filter_backends = [SelectionFilter]
    content_negotiation_class = FileNegotiation
    pagination_class = None
    selects: Kind

    def file(self, request: Request) -> Any:
        export = exporting.Export(
            selection_of(self.selects, request, also=(FORMAT,)),
            exporting.format_of(request.query_params.get(FORMAT, "")),
            actor=request.user,
            with_payload=may_see_payload(request.user),
        )
        return exporting.answer(request._request, export)


class TaskExport(_Exports):
    queryset = Task.objects.all()
    selects = TASKS

    @extend_schema(
        summary="Export tasks", description=_WORDS, filters=True, parameters=[_FORMAT], responses=_answers(TaskShape)
    )
    def export(self, request: Request) -> Any:
        return self.file(request)


class DeadLetterExport(_Exports):
    queryset = DeadLetter.objects.all()
    selects = DEAD_LETTERS

    @extend_schema(
        summary="Export dead letters",
        description=_WORDS,
        filters=True,
        parameters=[_FORMAT],
        responses=_answers(DeadLetterShape),
    )
    def export(self, request: Request) -> Any:
        return self.file(request)
