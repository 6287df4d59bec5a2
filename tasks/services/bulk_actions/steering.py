"""Pauses, resumes and aborts a bulk action. Each takes hold between two batches, never within one."""

import uuid
from typing import Any

from tasks import auditing, database, transitions
from tasks.exceptions import BulkActionMissing, IllegalBulkMove
from tasks.models import BulkAction
from tasks.services.bulk_actions.verbs import check_may_use
from tasks.states import BulkMove, BulkVerb


def pause_bulk_action(action_id: uuid.UUID, *, actor: Any = None, reason: str = "") -> BulkAction:
    """Lets it rest until it is resumed. Raises IllegalBulkMove, BulkActionMissing or PermissionDenied."""
    return _steer(action_id, BulkMove.PAUSE, "paused", actor, reason)


def resume_bulk_action(action_id: uuid.UUID, *, actor: Any = None, reason: str = "") -> BulkAction:
    """Lets a paused one go on. Raises as `pause_bulk_action` does."""
    return _steer(action_id, BulkMove.RESUME, "resumed", actor, reason)


def abort_bulk_action(action_id: uuid.UUID, *, actor: Any = None, reason: str = "") -> BulkAction:
    """Ends it for good: what it has not touched stays as it is, what it has done stays done."""
    return _steer(action_id, BulkMove.ABORT, "aborted", actor, reason)


def _steer(action_id: uuid.UUID, move: BulkMove, past: str, actor: Any, reason: str) -> BulkAction:
    before = _get(action_id)
    check_may_use(actor, BulkVerb(before.verb))
    note = f"{past} by {actor or 'the system'}" + (f": {reason}" if reason else "")
    with database.one_transaction():
        moved = transitions.move_bulk_action(action_id, move, note=note)
        after = _get(action_id)
        if moved:
            auditing.record(
                verb=f"{move}",
                kind="bulk action",
                target=str(action_id),
                actor=actor,
                reason=reason,
                before={"status": before.status},
                after={"status": after.status},
            )
    if not moved:
        raise IllegalBulkMove(past, after.status)
    return after


def _get(action_id: uuid.UUID) -> BulkAction:
    action = BulkAction.objects.select_related("actor").filter(id=action_id).first()
    if action is None:
        raise BulkActionMissing(action_id)
    return action
