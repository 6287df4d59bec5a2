"""Lists: so many rows in their order, how many there are in all, and where the list goes on."""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import QuerySet

from tasks.api.answers import Page, SearchedPage
from tasks.api.cursors import Cursor, NoCursor
from tasks.command_line.calling import Call, Misused
from tasks.command_line.parsing import number
from tasks.command_line.printing import Column, Output
from tasks.paging import Pages
from tasks.searching import Selection

DEFAULT_LIMIT, LARGEST_LIMIT = 20, 10_000


def add_page(parser: CommandParser, *, has_cursor: bool = False) -> None:
    parser.add_argument(
        "--limit", type=number(1, LARGEST_LIMIT), default=DEFAULT_LIMIT, metavar="N", help=f"{DEFAULT_LIMIT} by default"
    )
    if has_cursor:
        parser.add_argument("--cursor", metavar="TEXT", help="where to go on: `next` of the --json of the page before")


def page_of(call: Call, rows: QuerySet[Any], shapes: Callable[[Sequence[Any]], Sequence[Any]]) -> Page[Any]:
    """Returns the rows in the shape of the API's pages; `next` is what --cursor takes.

    Raises Misused for what is no cursor of this list.
    """
    pages, limit = Pages(rows), call.options["limit"]
    count, is_capped = pages.capped_count
    text = call.options.get("cursor")
    if text:
        try:
            found = Cursor.read(text, _order(rows)).rows(rows, limit + 1)
        except NoCursor:
            raise Misused("--cursor: no list in this order gave such a cursor") from None
    else:
        found = pages.between(0, limit + 1)
    has_more, found = len(found) > limit, found[:limit]
    following = str(Cursor.at(found[-1], _order(rows))) if has_more and "cursor" in call.options else None
    return {
        "count": count,
        "count_is_capped": is_capped,
        "next": following,
        "previous": None,
        "results": list(shapes(found)),
    }


def searched_page(
    call: Call, chosen: Selection, rows: QuerySet[Any], shapes: Callable[[Sequence[Any]], Sequence[Any]]
) -> SearchedPage[Any]:
    """Returns a page of what is selected, and tells people what to know of it."""
    notes = chosen.notes_for(call.actor)
    for note in notes:
        call.output.note(note)
    return {**page_of(call, rows, shapes), "notes": notes}


def show_page(output: Output, page: Page[Any], columns: Sequence[Column], nouns: str) -> None:
    shown = len(page["results"])
    if page["results"]:
        output.table(columns, page["results"])
    in_all = f"{'more than ' if page['count_is_capped'] else ''}{page['count']:,}"
    if shown < page["count"] or page["count_is_capped"]:
        output.note(f"{shown:,} of {in_all} {nouns}; --limit shows more.")
    elif not shown:
        output.note(f"No {nouns}.")


def _order(rows: QuerySet[Any]) -> list[str]:
    return [str(column) for column in rows.query.order_by]
