"""Looking at dead letters: lists, one with its error, numbers, the rules over failures."""

from typing import Any

from django.core.management.base import CommandParser

from tasks import database, failure_overviews
from tasks.api.answers import Page, SearchedPage
from tasks.api.dead_letter_answers import DeadLetterShape, FailureRuleShape
from tasks.api.failure_shapes import rule_shape
from tasks.api.filters import ordering_of
from tasks.api.shapes import dead_letter_shape
from tasks.command_line import colours
from tasks.command_line.calling import Call, Verb
from tasks.command_line.pages import add_page, page_of, searched_page, show_page
from tasks.command_line.parsing import add_id, add_payloads, add_query, add_text, selection_of
from tasks.command_line.printing import Column, Output
from tasks.exceptions import DeadLetterMissing
from tasks.models import DeadLetter, FailureRule
from tasks.searching import DEAD_LETTERS
from tasks.wording import since, stamp

ORDERS = ("created_at",)


def _list(call: Call) -> None:
    chosen = selection_of(call, DEAD_LETTERS)
    order = ordering_of(call.options["ordering"] or "", ORDERS) or chosen.order
    rows = chosen.within(DeadLetter.objects.select_related("resolved_by"), call.actor).order_by(*order)
    seen = call.shows_payloads
    page = searched_page(
        call, chosen, rows, lambda found: [dead_letter_shape(each, with_payload=seen) for each in found]
    )
    call.output.give(page, _show_list)


def _show_list(output: Output, page: SearchedPage[DeadLetterShape]) -> None:
    now = database.now()
    columns = (
        Column("ID", lambda letter: str(letter["id"]), is_whole=True),
        Column("IS", lambda letter: letter["resolution"] or colours.OPEN, colours.RESOLUTIONS),
        Column("TYPE", lambda letter: letter["type"] or "message", least=100),
        Column("CATEGORY", lambda letter: letter["category"], least=120),
        Column("GROUP", lambda letter: letter["fingerprint"], least=140),
        Column("ERROR", _error),
        Column("AGE", lambda letter: since(letter["created_at"], now).removesuffix(" ago"), side="right"),
    )
    show_page(output, page, columns, "dead letters")


def _error(letter: Any) -> str:
    return ": ".join(part for part in (letter["error_class"], letter["message"]) if part)


def _add_list(parser: CommandParser) -> None:
    add_query(parser, DEAD_LETTERS)
    add_text(parser, "ordering", help="created_at or -created_at")
    add_page(parser, has_cursor=True)
    add_payloads(parser)


def _show(call: Call) -> None:
    letter = DeadLetter.objects.select_related("resolved_by").filter(id=call.options["id"]).first()
    if letter is None:
        raise DeadLetterMissing(call.options["id"])
    call.output.give(dead_letter_shape(letter, with_payload=call.shows_payloads), _show_letter)


def _show_letter(output: Output, letter: DeadLetterShape) -> None:
    now = database.now()
    output.heading(f"{letter['type'] or 'message'}: {_error(letter)}")
    resolved = letter["resolved_at"]
    output.facts(
        [
            ("id", letter["id"]),
            ("task", letter["task"]),
            ("is", letter["resolution"] or colours.OPEN),
            ("resolved", resolved and f"{stamp(resolved)} ({since(resolved, now)})"),
            ("by", letter["resolved_by"]),
            ("category", letter["category"]),
            ("group", letter["fingerprint"]),
            ("attempts", letter["attempts"]),
            ("died", f"{stamp(letter['created_at'])} ({since(letter['created_at'], now)})"),
        ]
    )
    if letter["traceback"]:
        output.block("Traceback", letter["traceback"])


def _add_show(parser: CommandParser) -> None:
    add_id(parser)
    add_payloads(parser)


# --- Numbers and rules ----------------------------------------------------------------------------------------------


def _stats(call: Call) -> None:
    call.output.give(failure_overviews.dead_letter_stats(), _show_stats)


def _show_stats(output: Output, stats: dict[str, Any]) -> None:
    now = database.now()
    today = stats["by_day"][-1]
    output.facts(
        [
            ("open", f"{stats['open']:,}"),
            ("the oldest", stats["oldest"] and since(stats["oldest"], now)),
            ("the newest", stats["newest"] and since(stats["newest"], now)),
            ("died today", f"{today['died']:,}, of these {today['open']:,} open"),
            *((name, f"{number:,}") for name, number in stats["resolved"].items()),
            ("groups", ", ".join(f"{number:,} {state}" for state, number in stats["groups"].items())),
        ]
    )
    for name in ("by_category", "by_type", "by_queue"):
        if stats[name]:
            output.heading(f"Open {name.replace('_', ' ')}")
            output.facts((f"  {word or 'none'}", f"{number:,}") for word, number in stats[name].items())


def _rules(call: Call) -> None:
    rows = FailureRule.objects.order_by("order", "id")
    call.output.give(page_of(call, rows, lambda found: [rule_shape(each) for each in found]), _show_rules)


def _show_rules(output: Output, page: Page[FailureRuleShape]) -> None:
    columns = (
        Column("#", lambda rule: rule["order"], side="right"),
        Column("ON", lambda rule: "yes" if rule["enabled"] else "no", {"no": "dim"}),
        Column("TYPE", lambda rule: rule["type"] or "any"),
        Column("CLASS", lambda rule: rule["error_class"] or "any"),
        Column("MESSAGE", lambda rule: rule["message"] or "any"),
        Column("CATEGORY", lambda rule: rule["category"]),
        Column("VERDICT", lambda rule: rule["verdict"]),
        Column("NOTE", lambda rule: rule["note"], least=110),
    )
    show_page(output, page, columns, "rules")


VERBS = (
    Verb("list", "List dead letters, the newest first.", _list, _add_list),
    Verb("show", "Look at a dead letter.", _show, _add_show),
    Verb("stats", "Count dead letters by what went wrong.", _stats),
    Verb("rules", "List the rules over failures, in the order in which they are asked.", _rules, add_page),
)
