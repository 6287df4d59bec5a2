"""Dead tasks come back by their own id, with another payload if that is wanted."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from tasks import auditing, database, transitions
from tasks.leadership import COORDINATOR
from tasks.services.patching import apply_patch, check_patch
from tasks.services.reports import Report, report_on
from tasks.states import TaskStatus

AT_ONCE = 1_000  # tasks of one transaction: nobody waits long for its locks
LONGEST_SPREAD = 7 * 86_400.0

_BELOW = (
    "it failed because of a task that it depends on: retry that one, and this one comes back with it; "
    "where that one was cancelled, clone this one"
)


def retry_tasks(
    ids: Iterable[uuid.UUID],
    *,
    actor: Any = None,
    reason: str = "",
    spread: float = 0.0,
    patch: Mapping[str, Any] | None = None,
) -> Report:
    """Gives failed tasks a fresh budget; their attempts go on counting, their dead letters are closed.

    `spread` draws the moment of each from so many seconds, so that what failed together does not come back together.
    `patch` is merged into each payload (RFC 7396). Raises InvalidSubmission or PayloadTooLarge where one of them is not
    valid afterwards; then nothing has changed.
    """
    return retry_as(
        "retry", "task", {each: each for each in ids}, actor=actor, reason=reason, spread=spread, patch=patch
    )


def retry_as(
    verb: str,
    kind: str,
    noted: Mapping[uuid.UUID, uuid.UUID],
    *,
    actor: Any,
    reason: str,
    spread: float,
    patch: Mapping[str, Any] | None,
) -> Report:
    """Does as `retry_tasks` under what was asked for: `noted` are the tasks, each with the id for the audit trail."""
    asked = {**({"spread": spread} if spread else {}), **({"payload": {"patch": patch}} if patch else {})}
    operation = auditing.Operation(verb=verb, kind=kind, actor=actor, reason=reason, after=asked or None)
    wanted, report = list(noted), Report()
    parts = [wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE)]
    if patch and len(parts) > 1:
        # Each part is a transaction: what is wrong with the last one must be known before the first one has moved.
        check_patch(parts, patch)
    for part in parts:
        with database.one_transaction():
            if patch:
                apply_patch(part, patch, actor=actor, reason=reason)
            moved = transitions.revive(part, actor_id=getattr(actor, "pk", None), reason=reason, spread=spread)
            database.notify_if_idle(COORDINATOR)
            operation.add(noted[each] for each in part if each in moved)
        one = report_on(part, moved, {TaskStatus.FAILED: _BELOW})
        report.done += one.done
        report.skipped |= one.skipped
    return report
