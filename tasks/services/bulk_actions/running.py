"""Does the bulk actions, as a duty of the coordinator: in batches, each one transaction with its cursor.

A coordinator that dies between any two statements leaves a batch that was done and counted, or one that was not begun.
"""

import logging
import time
import uuid
from collections import Counter
from datetime import timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from tasks import auditing, bulk_selectors, canary, database, transitions
from tasks.canary import Guard, Seen, Word
from tasks.duties import Duty
from tasks.kill_points import KillPoint, reached
from tasks.leadership import COORDINATOR
from tasks.masking import masked_text
from tasks.models import BulkAction, BulkActionItem
from tasks.services.bulk_actions import verbs
from tasks.services.bulk_actions.options import BulkOptions
from tasks.services.bulk_actions.verbs import Outcome
from tasks.states import BulkMove, BulkVerb, ItemState, Watched

logger = logging.getLogger(__name__)

BATCH = 500  # items of one transaction: nobody waits long for its locks
ONE_BY_ONE = 25  # items of a batch that failed as a whole
TURN_SECONDS = 0.5  # of one turn of the duty: the other duties share its thread
PATIENCE = 86_400.0  # seconds for which what an ended action brought back is still watched
KEPT = 90 * 86_400.0  # seconds that an action's row stays after its end
REASONS_KEPT = 50  # different reasons that are counted

_BY_ITS_STATE = "its state does not allow that"
_IS_GONE = ("", "it is gone")


def bulk_duties() -> list[Duty]:
    return [
        Duty("do-bulk-actions", 0.25, do_bulk_actions),
        Duty("watch-bulk-actions", 2.0, watch_bulk_actions),
        Duty("forget-bulk-actions", 3600.0, lambda term: transitions.forget_bulk_actions(KEPT)),
    ]


def do_bulk_actions(term: int, *, seconds: float = TURN_SECONDS) -> int:
    """Does one batch after the other, of each action in turn, for so many seconds. Returns how many items it took.

    An action that cannot go on for an error of its own keeps no other waiting: that error is raised at the end.
    """
    until = time.monotonic() + seconds
    ids, taken = bulk_selectors.active_bulk_actions(), 0
    errors: list[Exception] = []
    while ids and time.monotonic() < until:
        for action_id in list(ids):
            try:
                now = _do_batch(action_id, term)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:
                logger.exception("the bulk action %s met an error", action_id)
                errors.append(error)
                now = 0
            if not now:
                ids.remove(action_id)
            taken += now
    if errors:
        raise errors[0]
    return taken


def watch_bulk_actions(term: int) -> int:
    """Notes how that ended which paused and ended actions had brought back: their pages say so."""
    noted = 0
    for action_id in bulk_selectors.watched_bulk_actions(PATIENCE):
        with database.one_transaction():
            action = BulkAction.objects.select_for_update(of=("self",)).get(id=action_id)
            noted += _watch(action)
            action.save(update_fields=["ended", "recent"])
    return noted


def _do_batch(action_id: uuid.UUID, term: int) -> int:
    """Returns how many items it took; none where the action waits, has ended, or is somebody else's."""
    with database.one_transaction():
        action = transitions.hold_bulk_action(action_id, role=COORDINATOR, term=term)
        if action is None:
            return 0
        with auditing.through(action.door):
            taken = _go_on(action)
    reached(KillPoint.ACTED)
    return taken


def _go_on(action: BulkAction) -> int:
    verb, options = BulkVerb(action.verb), BulkOptions.model_validate(action.options)
    if (lost := _lost_right(action, verb, options)) is not None:
        _end(action, BulkMove.FAIL, lost)
        return 0
    most, now = BATCH, database.now()
    if action.guard is not None:
        guard = Guard.model_validate(action.guard)
        _watch(action)
        verdict = canary.judge(guard, _seen(action))
        action.note = verdict.note
        if verdict.word == Word.STOP:
            left = verbs.nouns(verb, action.left)
            action.save(update_fields=["ended", "recent"])
            _end(action, BulkMove.STOP, f"{verdict.note}. {left} not touched.")
            return 0
        if verdict.word == Word.WAIT:
            action.save(update_fields=["ended", "recent", "note"])
            return 0
        most = min(BATCH, verdict.most)
        if _is_through(action, guard):
            most = min(most, _allowed(action, guard, now))
    items = list(action.items.filter(position__gte=action.cursor).order_by("position")[:most]) if most else []
    if items:
        items = _take(action, items, options)
        if action.guard is not None and _is_through(action, guard):
            action.next_at = max(now, action.next_at or now) + timedelta(seconds=len(items) / guard.rate)
    reached(KillPoint.ACTING)
    action.save(update_fields=_WRITTEN)
    if action.cursor >= action.total:
        _end(action, BulkMove.COMPLETE, "")
    return len(items)


_COUNTS = [str(state) for state in (ItemState.DONE, ItemState.SKIPPED, ItemState.FAILED)]
_WRITTEN = ["cursor", *_COUNTS, "skip_reasons", "ended", "recent", "next_at", "note"]


def _take(action: BulkAction, items: list[BulkActionItem], options: BulkOptions) -> list[BulkActionItem]:
    """Does the verb to the items, or to the first of them, and writes what became of each. Returns which those are."""
    items, outcome = _attempt(action, items, options)
    report, done, requested = outcome.report, set(outcome.report.done), set(outcome.report.requested)
    written: dict[int, tuple[ItemState, str]] = {}
    awaited: set[int] = set()
    reasons = Counter(action.skip_reasons)
    for item in items:
        if item.target in outcome.failed:
            written[item.pk] = (ItemState.FAILED, outcome.failed[item.target])
        elif item.target in done:
            written[item.pk] = (ItemState.DONE, "")
            if action.guard is not None:
                awaited.add(item.pk)
        elif item.target in requested:
            written[item.pk] = (ItemState.DONE, "its worker was asked to stop, and confirms it")
        else:
            why = _why_skipped(*report.skipped.get(item.target, _IS_GONE))
            written[item.pk] = (ItemState.SKIPPED, why)
            reasons[why if why in reasons or len(reasons) < REASONS_KEPT else "for other reasons"] += 1
    transitions.write_items(written, awaited=awaited)
    states = Counter(state for state, _ in written.values())
    action.done += states[ItemState.DONE]
    action.skipped += states[ItemState.SKIPPED]
    action.failed += states[ItemState.FAILED]
    action.recent = _latest(action, canary.FAILED * states[ItemState.FAILED])
    action.skip_reasons = dict(reasons)
    action.cursor = items[-1].position + 1
    return items


def _attempt(
    action: BulkAction, items: list[BulkActionItem], options: BulkOptions
) -> tuple[list[BulkActionItem], Outcome]:
    """Tries the whole batch; what fails as a whole for an error that nobody foresaw is tried one by one."""
    verb = BulkVerb(action.verb)
    try:
        with transaction.atomic(), auditing.as_part_of_another():
            return items, verbs.run(verb, items, options, action.actor, action.reason)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("a batch of the bulk action %s failed: its items are tried one by one", action.id)
    whole = Outcome()
    for item in items[:ONE_BY_ONE]:
        try:
            with transaction.atomic(), auditing.as_part_of_another():
                one = verbs.run(verb, [item], options, action.actor, action.reason)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001
            whole.failed[item.target] = masked_text(f"{type(error).__name__}: {database.reason(error)}")
            continue
        whole.report.done += one.report.done
        whole.report.requested += one.report.requested
        whole.report.skipped |= one.report.skipped
        whole.failed |= one.failed
    return items[:ONE_BY_ONE], whole


def _why_skipped(status: str, why: str) -> str:
    return f"{status}: {why or _BY_ITS_STATE}".removeprefix(": ")


def _lost_right(action: BulkAction, verb: BulkVerb, options: BulkOptions) -> str | None:
    """Returns in words what whoever started it may not do any more."""
    actor = action.actor
    if actor is None:
        return None
    if not verbs.may_use(actor, verb):
        return f"{actor} may not do this any more: {action.left:,} were not touched"
    if options.patch and not actor.has_perm(verbs.VIEW_PAYLOAD):
        return f"{actor} may not change payloads any more: {action.left:,} were not touched"
    return None


def _end(action: BulkAction, move: BulkMove, note: str) -> None:
    transitions.move_bulk_action(action.id, move, note=note)
    logger.info("the bulk action %s: %s %s", action.id, move.value, note)
    auditing.record(
        verb=move.value,
        kind="bulk action",
        target=str(action.id),
        count=action.total,
        actor=action.actor,
        reason=note,
        after={"done": action.done, "skipped": action.skipped, ItemState.FAILED.value: action.failed},
    )


# --- The guard --------------------------------------------------------------------------------------------------------


def _watch(action: BulkAction) -> int:
    ended = transitions.note_ended(action.id)
    if ended:
        action.ended = dict(Counter(action.ended) + Counter(ended))
        marks = (canary.FAILED if how == Watched.FAILED else canary.OTHER for how in ended)
        action.recent = _latest(action, "".join(marks))
    return len(ended)


def _latest(action: BulkAction, marks: str) -> str:
    return (action.recent + marks)[-canary.LARGEST_CANARY :]


def _seen(action: BulkAction) -> Seen:
    return Seen(action.total, action.done, action.failed, action.ended, action.recent)


def _is_through(action: BulkAction, guard: Guard) -> bool:
    """Tells whether the canary is, so that the rate holds."""
    return _seen(action).known >= min(guard.canary, action.total)


def _allowed(action: BulkAction, guard: Guard, now: Any) -> int:
    """Returns how many the rate allows now: those of the next half second, if those before them are paid for."""
    if action.next_at is not None and action.next_at > now:
        return 0
    return max(1, int(guard.rate * TURN_SECONDS))
