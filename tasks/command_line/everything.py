"""A verb for everything that a search matches: counted, asked about, and started as a bulk action."""

import sys
from collections.abc import Mapping
from typing import Any, Literal

from django.core.management.base import CommandParser

from tasks import machinery, services
from tasks.api.bulk_answers import BulkActionShape, BulkPreviewShape, action_shape, preview_shape
from tasks.canary import LARGEST_CANARY
from tasks.command_line.calling import Call, Misused, Refused
from tasks.command_line.parsing import add_filters, add_json, filters_of, number, selection_of
from tasks.command_line.printing import Output
from tasks.searching import Kind
from tasks.services.bulk_actions import nouns, preview_patch
from tasks.services.retrying import LONGEST_SPREAD
from tasks.states import BulkVerb

_GUARD = ("canary", "rate", "failure_share")
CLASSES_SHOWN = 8


def add_everything(parser: CommandParser, kind: Kind) -> None:
    group = parser.add_argument_group("everything that matches", "in place of ids; done by the coordinator in batches")
    group.add_argument("--all", nargs="?", const="", metavar="QUERY", help="a search in quotes; alone with filters")
    group.add_argument("--expect", type=number(0, 10**9), metavar="N", help="do nothing where another number matches")
    group.add_argument("--yes", action="store_true", help="do not ask")
    group.add_argument("--dry-run", action="store_true", help="only count")
    add_filters(parser, kind)


def add_guarded(parser: CommandParser) -> None:
    """Adds how tasks are brought back."""
    add_json(parser, "--patch", "merged into each payload (RFC 7396)")
    parser.add_argument("--spread", type=float, default=0.0, metavar="SECONDS", help="draw each moment from so many")
    group = parser.add_argument_group("guard", "with --all: try some first, stop where too many of them fail")
    group.add_argument("--canary", type=number(1, LARGEST_CANARY), metavar="N", help="tried first")
    group.add_argument("--rate", type=float, metavar="N", help="tasks a second, once the canary is through")
    group.add_argument("--failure-share", type=float, metavar="SHARE", help="0 to 1; above that it stops by itself")
    group.add_argument("--unguarded", action="store_true")


def is_of_everything(call: Call) -> bool:
    """Tells whether --all was given and no ids. Raises Misused for both, for neither, and for what means nothing."""
    options, ids = call.options, call.options["ids"]
    if options["all"] is not None:
        if ids:
            raise Misused("give ids or --all QUERY, not both")
        return True
    if not ids:
        raise Misused("give ids, or --all QUERY for everything that a search matches")
    only_there = (*_GUARD, "unguarded", "expect", "dry_run")
    foreign = [name for name in only_there if options.get(name)] + list(filters_of(options))
    if foreign:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in foreign)
        raise Misused(f"{named}: this goes with --all and not with ids")
    if not 0 <= options.get("spread", 0.0) <= LONGEST_SPREAD:
        raise Misused(f"--spread: give seconds from 0 to {LONGEST_SPREAD:,.0f}")
    return False


def start(call: Call, verb: BulkVerb, kind: Kind, options: Mapping[str, Any] | None = None) -> None:
    """Counts, asks, and starts. Raises Misused or Refused, and what the service raises; then nothing was started."""
    selection = selection_of(call, kind, call.options["all"])
    given = {name: value for name, value in (options or {}).items() if value}
    guard = _guard(call)
    preview = services.preview_bulk_action(verb=verb, selection=selection, actor=call.actor)
    shape = preview_shape(preview, selection.in_words())
    if call.options["dry_run"]:
        call.output.give(shape, lambda output, shape: _show_preview(output.say, verb, shape))
        if "patch" in given and not call.output.as_json:
            _show_samples(call, verb, selection, given["patch"])
        return
    reason = call.required_reason()
    if not preview.count:
        raise Refused("nothing matches: there is nothing to do")
    _show_preview(call.output.note, verb, shape)
    expected = preview.count if call.options["expect"] is None else call.options["expect"]
    if not call.options["yes"]:
        _ask(call, verb, preview.count)
    action = services.start_bulk_action(
        verb=verb,
        selection=selection,
        actor=call.actor,
        reason=reason,
        options=given,
        expected_count=expected,
        guard=guard,
    )
    call.output.give(action_shape(action, with_payload=call.options.get("payloads", False)), _show_started)
    if not machinery.coordinator().is_leading:
        call.output.note("No coordinator leads: it begins when one does.")


def _guard(call: Call) -> dict[str, Any] | Literal[False] | None:
    given = {name: call.options[name] for name in _GUARD if call.options.get(name) is not None}
    if call.options.get("unguarded"):
        if given:
            raise Misused("--unguarded: there is a guard as well: give one of the two")
        return False
    return given or None


def _ask(call: Call, verb: BulkVerb, count: int) -> None:
    if not sys.stdin.isatty():
        raise Misused("there is no terminal to ask at: say --yes")
    call.output.note(f"{verb.label} {nouns(verb, count)}? Type yes:")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was started")


def _show_preview(say: Any, verb: BulkVerb, preview: BulkPreviewShape) -> None:
    say(f"{verb.label}: {nouns(verb, preview['count'])} ({preview['selection_in_words']})")
    for counts in (preview["breakdown"], preview["classes"]):
        shown = [f"{number:,} {name}" for name, number in list(counts.items())[:CLASSES_SHOWN]]
        more = len(counts) - len(shown)
        if shown:
            say(f"  {', '.join(shown)}{f' and {more:,} more kinds' if more > 0 else ''}")
    if preview["touchable"] < preview["count"]:
        say(f"  {preview['count'] - preview['touchable']:,} are in a state that does not allow it, and are skipped")
    for note in preview["notes"]:
        say(f"  {note}")


def _show_samples(call: Call, verb: BulkVerb, selection: Any, patch: Mapping[str, Any]) -> None:
    preview = preview_patch(verb=verb, selection=selection, patch=patch, actor=call.actor)
    if preview.tried:
        call.output.say(
            f"  {preview.invalid:,} of {preview.tried:,} payloads that were tried become invalid by the patch"
        )
    for sample in preview.samples:
        call.output.say(f"  {sample.task}: {sample.error or 'its payload is valid with the patch'}")
        if call.options.get("payloads"):
            call.output.document("Before", sample.before)
            call.output.document("After", sample.after)


def _show_started(output: Output, action: BulkActionShape) -> None:
    output.say(f"Bulk action {action['id']} was started. Follow it: manage.py tasks bulk show {action['id']}")
