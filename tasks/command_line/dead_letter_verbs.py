"""What can be done to dead letters: to some by their ids, or to everything that a search matches."""

from django.core.management.base import CommandParser

from tasks import services
from tasks.command_line.calling import Call, Verb
from tasks.command_line.everything import add_everything, add_guarded, is_of_everything, start
from tasks.command_line.parsing import add_ids, add_payloads, add_reason
from tasks.command_line.reporting import tell
from tasks.models import DeadLetter
from tasks.searching import DEAD_LETTERS
from tasks.states import BulkVerb, Resolution


def _reprocess(call: Call) -> None:
    patch, spread = call.options["patch"], call.options["spread"]
    if is_of_everything(call):
        start(call, BulkVerb.REPROCESS, DEAD_LETTERS, {"patch": patch, "spread": spread})
        return
    ids = call.options["ids"]
    if patch:
        letter = DeadLetter.objects.select_related("task").filter(id=ids[0]).first() if len(ids) == 1 else None
        # A mask of one task's payload is what its secret is; of several there is no saying whose.
        patch = services.with_secrets(patch, letter.task.payload if letter and letter.task else {})
    report = services.reprocess_letters(ids, actor=call.actor, reason=call.reason, spread=spread, patch=patch)
    tell(call, report, Resolution.REPROCESSED.value, "dead letter")


def _discard(call: Call) -> None:
    if is_of_everything(call):
        start(call, BulkVerb.DISCARD, DEAD_LETTERS)
    else:
        report = services.discard_letters(call.options["ids"], actor=call.actor, reason=call.required_reason())
        tell(call, report, Resolution.DISCARDED.value, "dead letter")


def _add_reprocess(parser: CommandParser) -> None:
    add_ids(parser, "dead letter")
    add_reason(parser)
    add_guarded(parser)
    add_payloads(parser)
    add_everything(parser, DEAD_LETTERS)


def _add_discard(parser: CommandParser) -> None:
    add_ids(parser, "dead letter")
    add_reason(parser)
    add_everything(parser, DEAD_LETTERS)


VERBS = (
    Verb("reprocess", "Bring back the tasks of dead letters, with --patch changed.", _reprocess, _add_reprocess),
    Verb("discard", "Close dead letters without another try.", _discard, _add_discard),
)
