"""Groups of dead letters that failed in the same way: listed, and judged."""

from collections.abc import Sequence
from typing import Any

import pydantic
from django.core.management.base import CommandParser

from tasks import database, failure_overviews, services
from tasks.api.answers import Page
from tasks.api.dead_letter_answers import GroupShape
from tasks.api.failure_shapes import group_shape
from tasks.api.group_filters import GroupQuery, narrowed
from tasks.command_line import colours
from tasks.command_line.calling import Call, Misused, Verb
from tasks.command_line.pages import add_page, page_of, show_page
from tasks.command_line.parsing import add_reason, add_text, filters_of, number
from tasks.command_line.printing import Column, Output
from tasks.command_line.reporting import check_skipped
from tasks.exceptions import ChangedMeanwhile, GroupMissing, IllegalTransition
from tasks.services import Report
from tasks.services.submission_form import path_errors
from tasks.wording import number_of, since


def _list(call: Call) -> None:
    try:
        query = GroupQuery.model_validate(filters_of(call.options))
    except pydantic.ValidationError as error:
        found = path_errors(error)
        raise Misused("; ".join(f"--{each['attr'].replace('_', '-')}: {each['detail']}" for each in found)) from None
    rows = narrowed(failure_overviews.groups().order_by("-open_count", "fingerprint"), query)
    call.output.give(page_of(call, rows, _shapes), _show_list)


def _shapes(groups: Sequence[Any]) -> list[GroupShape]:
    samples, now = failure_overviews.samples_of(groups), database.now()
    return [group_shape(each, samples.get(each.pk), now=now) for each in groups]


def _show_list(output: Output, page: Page[GroupShape]) -> None:
    now = database.now()
    columns = (
        Column("GROUP", lambda group: group["fingerprint"]),
        Column("IS", lambda group: group["state"], colours.GROUPS),
        Column("OPEN", lambda group: group["count"], side="right"),
        Column("DEATHS", lambda group: group["total"], side="right"),
        Column("LAST", lambda group: since(group["last_seen"], now).removesuffix(" ago"), side="right"),
        Column("FIRST", lambda group: since(group["first_seen"], now).removesuffix(" ago"), least=100, side="right"),
        Column("CATEGORY", lambda group: group["category"], least=100),
        Column("ERROR", lambda group: f"{group['error_class']}: {group['message']}"),
    )
    show_page(output, page, columns, "groups")


def _add_list(parser: CommandParser) -> None:
    for name, field in GroupQuery.model_fields.items():
        add_text(parser, name, dest=f"filter_{name}", help=field.description)
    add_page(parser)


def _resolve(call: Call) -> None:
    _judge(call, services.resolve_group, "resolved", call.reason)


def _ignore(call: Call) -> None:
    _judge(call, services.ignore_group, "ignored", call.required_reason())


def _reopen(call: Call) -> None:
    _judge(call, services.reopen_group, "reopened", call.reason)


def _judge(call: Call, service: Any, past: str, reason: str) -> None:
    """Judges each. What is refused of one does not keep it from the others."""
    wanted, seen = list(dict.fromkeys(call.options["fingerprints"])), call.options["seen"]
    if seen is not None and len(wanted) > 1:
        raise Misused("--seen is the number of one group")
    done: list[str] = []
    report: Any = Report()  # of fingerprints
    for fingerprint in wanted:
        try:
            service(fingerprint, actor=call.actor, reason=reason, seen=seen)
        except IllegalTransition as error:
            report.skipped[fingerprint] = (error.status, str(error))
        except (GroupMissing, ChangedMeanwhile) as error:
            report.skipped[fingerprint] = ("", str(error))
        else:
            done.append(fingerprint)
    report.done = done
    groups = list(failure_overviews.groups().filter(pk__in=done).order_by("pk"))
    call.output.give(_shapes(groups), lambda output, shape: None)
    if done:
        call.output.say(f"{number_of(len(done), 'group')} {'was' if len(done) == 1 else 'were'} {past}.")
    check_skipped(report)


def _add_judgement(parser: CommandParser) -> None:
    parser.add_argument("fingerprints", nargs="+", metavar="GROUP", help="its fingerprint")
    add_reason(parser)
    parser.add_argument("--seen", type=number(0, 10**9), metavar="N", help="do nothing where it has other deaths")


VERBS = (
    Verb("groups", "List what failed in the same way, the worst first.", _list, _add_list),
    Verb("resolve", "Take groups for mended; they open by themselves when they come back.", _resolve, _add_judgement),
    Verb("ignore", "Take groups for known and not worth a look.", _ignore, _add_judgement),
    Verb("reopen", "Open groups again.", _reopen, _add_judgement),
)
