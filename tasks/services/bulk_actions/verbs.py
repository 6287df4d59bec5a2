"""What each verb of a bulk action needs, can be done to, and does to a batch."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q

from tasks.models import BulkActionItem, DeadLetter
from tasks.services.bulk_actions.options import BulkOptions
from tasks.services.cancelling import cancel_tasks
from tasks.services.dead_letters import discard_dead_letters, reprocess_dead_letters
from tasks.services.editing import change_priority, run_now
from tasks.services.patching import patch_errors
from tasks.services.reports import Report
from tasks.services.retrying import retry_tasks
from tasks.states import MOVES, OF_DEAD_LETTERS, BulkVerb, Move, TaskStatus
from tasks.transitions.editing import EDITABLE

VIEW_PAYLOAD = "tasks.view_payload"


@dataclass(slots=True)
class Outcome:
    """What a batch came to, by the ids of its targets. `failed` says why."""

    report: Report = field(default_factory=Report)
    failed: dict[uuid.UUID, str] = field(default_factory=dict)


Run = Callable[[list[BulkActionItem], BulkOptions, Any, str], Outcome]


def permissions_of(verb: BulkVerb) -> tuple[str, str]:
    """Returns what one needs to see the rows, and to do that to them."""
    model = "deadletter" if verb in OF_DEAD_LETTERS else "task"
    return f"tasks.view_{model}", f"tasks.change_{model}"


def may_use(user: Any, verb: BulkVerb) -> bool:
    return bool(user.is_active and user.has_perms(permissions_of(verb)))


def check_may_use(user: Any, verb: BulkVerb) -> None:
    """Raises PermissionDenied for users without the right; None is the system itself."""
    if user is not None and not may_use(user, verb):
        raise PermissionDenied(f"this needs the permissions {' and '.join(permissions_of(verb))}")


def check_may_patch(user: Any) -> None:
    """A new URL for an old credential would tell what the payload hides."""
    if user is not None and not user.has_perm(VIEW_PAYLOAD):
        raise PermissionDenied(f"changing payloads needs the permission {VIEW_PAYLOAD}")


def nouns(verb: BulkVerb, count: int) -> str:
    noun = "dead letter" if verb in OF_DEAD_LETTERS else "task"
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def touchable(verb: BulkVerb) -> Q:
    """Returns the condition of rows whose state allows the verb; it skips the others."""
    return _TOUCHABLE[verb]


def run(verb: BulkVerb, items: list[BulkActionItem], options: BulkOptions, actor: Any, reason: str) -> Outcome:
    """Does the verb to a batch, in the transaction that is open."""
    return _RUN[verb](items, options, actor, reason)


def _cancel(items: list[BulkActionItem], options: BulkOptions, actor: Any, reason: str) -> Outcome:
    return Outcome(cancel_tasks([item.target for item in items], actor=actor, reason=reason))


def _run_now(items: list[BulkActionItem], options: BulkOptions, actor: Any, reason: str) -> Outcome:
    return Outcome(run_now([item.target for item in items], actor=actor, reason=reason))


def _change_priority(items: list[BulkActionItem], options: BulkOptions, actor: Any, reason: str) -> Outcome:
    assert options.priority is not None
    ids = [item.target for item in items]
    return Outcome(change_priority(ids, options.priority, actor=actor, reason=reason))


def _retry(items: list[BulkActionItem], options: BulkOptions, actor: Any, reason: str) -> Outcome:
    ids = [item.target for item in items]
    failed = patch_errors(ids, options.patch) if options.patch else {}
    sound = [each for each in ids if each not in failed]
    report = retry_tasks(sound, actor=actor, reason=reason, spread=options.spread, patch=options.patch)
    return Outcome(report, failed)


def _reprocess(items: list[BulkActionItem], options: BulkOptions, actor: Any, reason: str) -> Outcome:
    of_task = {item.task_id: item.target for item in items if item.task_id is not None}
    failed: dict[uuid.UUID, str] = {}
    if options.patch:
        closed = DeadLetter.objects.filter(id__in=[item.target for item in items]).exclude(resolution="")
        known = set(closed.values_list("id", flat=True))  # these are skipped, whatever their payload is
        wrong = patch_errors(
            [task_id for task_id, letter_id in of_task.items() if letter_id not in known], options.patch
        )
        failed = {of_task[task_id]: why for task_id, why in wrong.items()}
    letters = DeadLetter.objects.filter(id__in=[item.target for item in items if item.target not in failed])
    found = reprocess_dead_letters(letters, actor=actor, reason=reason, spread=options.spread, patch=options.patch)
    report = Report([of_task[task_id] for task_id in found.done])
    # What is skipped may be a letter that was resolved meanwhile, or belongs to no task.
    report.skipped = {of_task.get(each, each): why for each, why in found.skipped.items()}
    return Outcome(report, failed)


def _discard(items: list[BulkActionItem], options: BulkOptions, actor: Any, reason: str) -> Outcome:
    letters = DeadLetter.objects.filter(id__in=[item.target for item in items])
    return Outcome(discard_dead_letters(letters, actor=actor, reason=reason))


_RUN: Mapping[BulkVerb, Run] = {
    BulkVerb.CANCEL: _cancel,
    BulkVerb.RETRY: _retry,
    BulkVerb.RUN_NOW: _run_now,
    BulkVerb.CHANGE_PRIORITY: _change_priority,
    BulkVerb.REPROCESS: _reprocess,
    BulkVerb.DISCARD: _discard,
}
_TOUCHABLE: Mapping[BulkVerb, Q] = {
    BulkVerb.CANCEL: Q(status__in=sorted(MOVES[Move.CANCEL][0])),
    BulkVerb.RETRY: Q(status=TaskStatus.FAILED, unmet=0),
    BulkVerb.RUN_NOW: Q(status__in=[TaskStatus.SCHEDULED, TaskStatus.RETRYING]),
    BulkVerb.CHANGE_PRIORITY: Q(status__in=sorted(EDITABLE)),
    BulkVerb.REPROCESS: Q(resolution="", task__isnull=False),
    BulkVerb.DISCARD: Q(resolution=""),
}
