"""Bulk actions: looked at and steered. They are started by the verbs themselves, with --all."""

import uuid

from django.core.management.base import CommandParser

from tasks import database, services
from tasks.api.answers import Page
from tasks.api.bulk_answers import BulkActionShape, action_shape, item_shape
from tasks.bulk_overviews import progress_of
from tasks.command_line import colours
from tasks.command_line.calling import Call, Verb
from tasks.command_line.pages import add_page, page_of, show_page
from tasks.command_line.parsing import add_id, add_payloads, add_reason, add_text, of_one_word
from tasks.command_line.printing import Column, Output
from tasks.exceptions import BulkActionMissing
from tasks.models import BulkAction
from tasks.states import BulkStatus, BulkVerb, ItemState
from tasks.wording import since, stamp

ITEMS_SHOWN = 20


def _list(call: Call) -> None:
    rows = BulkAction.objects.select_related("actor").order_by("-created_at", "-id")
    for name, known in (("status", BulkStatus.values), ("verb", BulkVerb.values)):
        if words := of_one_word(call.options[f"of_{name}"] or "", known, f"--{name}"):
            rows = rows.filter(**{f"{name}__in": words})
    page = page_of(call, rows, lambda found: [action_shape(each, with_payload=call.shows_payloads) for each in found])
    call.output.give(page, _show_list)


def _show_list(output: Output, page: Page[BulkActionShape]) -> None:
    now = database.now()
    columns = (
        Column("ID", lambda action: str(action["id"]), is_whole=True),
        Column("STATUS", lambda action: action["status"], colours.BULK),
        Column("VERB", lambda action: action["verb"]),
        Column("DONE", lambda action: f"{action['counts'][ItemState.DONE]}/{action['total']}", side="right"),
        Column("AGE", lambda action: since(action["created_at"], now).removesuffix(" ago"), side="right"),
        Column("BY", lambda action: action["created_by"], least=100),
        Column("OF", lambda action: action["selection_in_words"], least=120),
    )
    show_page(output, page, columns, "bulk actions")


def _add_list(parser: CommandParser) -> None:
    add_text(parser, "status", dest="of_status", help="one or several with commas")
    add_text(parser, "verb", dest="of_verb", help="one or several with commas")
    add_page(parser)
    add_payloads(parser)


def _show(call: Call) -> None:
    action = _action(call.options["id"])
    shape = action_shape(action, with_payload=call.shows_payloads)
    call.output.give(shape, lambda output, shape: _show_action(output, action))
    if call.output.as_json:
        return
    rows = action.items.filter(state__in=(ItemState.SKIPPED, ItemState.FAILED)).order_by("position")
    if found := [item_shape(each) for each in rows[:ITEMS_SHOWN]]:
        call.output.heading("What was not done")
        columns = (
            Column("ID", lambda item: str(item["target"]), is_whole=True),
            Column("STATE", lambda item: item["state"], colours.ITEMS),
            Column("WHY", lambda item: item["reason"], is_folded=True),
        )
        call.output.table(columns, found)


def _show_action(output: Output, action: BulkAction) -> None:
    shape, progress = action_shape(action, with_payload=False), progress_of(action)
    output.heading(f"{action.get_verb_display()}: {shape['selection_in_words']}")
    output.facts(
        [
            ("id", shape["id"]),
            ("status", f"{shape['status']}, {progress.percent} % of {progress.total:,}"),
            ("because", shape["note"]),
            *((name.lower(), number) for name, number in progress.counts),
            ("reason", shape["reason"]),
            ("by", shape["created_by"]),
            ("created", stamp(shape["created_at"])),
            ("finished", shape["finished_at"] and stamp(shape["finished_at"])),
            *((name.lower(), number) for name, number in progress.guard),
            *(("skipped", f"{number}: {why}") for why, number in progress.skip_reasons),
        ]
    )


def _add_show(parser: CommandParser) -> None:
    add_id(parser)
    add_payloads(parser)


def _pause(call: Call) -> None:
    services.pause_bulk_action(call.options["id"], actor=call.actor, reason=call.reason)
    _tell(call, "It rests until it is resumed.")


def _resume(call: Call) -> None:
    services.resume_bulk_action(call.options["id"], actor=call.actor, reason=call.reason)
    _tell(call, "It goes on.")


def _abort(call: Call) -> None:
    services.abort_bulk_action(call.options["id"], actor=call.actor, reason=call.reason)
    _tell(call, "It is over. What it has done stays done; nothing else is touched.")


def _tell(call: Call, words: str) -> None:
    shape = action_shape(_action(call.options["id"]), with_payload=False)
    call.output.give(shape, lambda output, shape: output.say(words))


def _action(action_id: uuid.UUID) -> BulkAction:
    action = BulkAction.objects.select_related("actor").filter(id=action_id).first()
    if action is None:
        raise BulkActionMissing(action_id)
    return action


def _add_steering(parser: CommandParser) -> None:
    add_id(parser)
    add_reason(parser)


VERB = Verb(
    "bulk",
    "Look at bulk actions, of tasks and of dead letters, and steer them.",
    verbs=(
        Verb("list", "List bulk actions, the newest first.", _list, _add_list),
        Verb("show", "Look at a bulk action: how far it is, what it skipped and why.", _show, _add_show),
        Verb("pause", "Let a bulk action rest after the batch that it is at.", _pause, _add_steering),
        Verb("resume", "Let a paused bulk action go on.", _resume, _add_steering),
        Verb("abort", "End a bulk action for good.", _abort, _add_steering),
    ),
)
