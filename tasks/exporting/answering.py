"""An export over HTTP. A failure on the way ends the connection: what is not whole never seems to be."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from tasks.exporting.export import Export


def answer(request: HttpRequest, export: Export) -> HttpResponseBase:
    """Returns the answer to the request; to HEAD its headers alone. Raises what `Export.check` raises."""
    response: HttpResponseBase
    if request.method == "HEAD":
        export.check()
        response = HttpResponse()
    else:
        chunks = export.chunks()
        response = StreamingHttpResponse(_awaited(chunks) if isinstance(request, ASGIRequest) else _each(chunks))
    response["Content-Type"] = export.media_type + ("; charset=utf-8" if export.media_type == "text/csv" else "")
    response["Content-Disposition"] = content_disposition_header(True, export.file_name()) or ""
    response["Cache-Control"] = "no-store"
    return response


def _next(chunks: Iterator[bytes]) -> bytes | None:
    try:
        return next(chunks, None)
    finally:
        if not connection.in_atomic_block:
            # Who reads slowly must not keep one of the pool from everybody else.
            connection.close_if_unusable_or_obsolete()


def _each(chunks: Iterator[bytes]) -> Iterator[bytes]:
    while (chunk := _next(chunks)) is not None:
        yield chunk


async def _awaited(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Given a plain iterator, Django's ASGI handler would read it to its end before it sends anything.
    while (chunk := await sync_to_async(_next, thread_sensitive=True)(chunks)) is not None:
        yield chunk
