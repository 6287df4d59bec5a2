"""Stopping tasks on request."""

import uuid
from collections.abc import Iterable
from typing import Any

from tasks import auditing, database, transitions
from tasks.services.reports import Report, report_on


def cancel_tasks(ids: Iterable[uuid.UUID], *, actor: Any = None, reason: str = "") -> Report:
    """Cancels what nobody executes at once; asks for the rest, which its worker confirms within seconds.

    What depends on them does as its `on_dependency_failure` says.
    """
    wanted = list(ids)
    with database.one_transaction():
        result = transitions.cancel(wanted, actor_id=getattr(actor, "pk", None), reason=reason)
        touched = result.cancelled | result.requested
        auditing.record(
            verb="cancel", kind="task", actor=actor, reason=reason, ids=[each for each in wanted if each in touched]
        )
    return report_on(wanted, result.cancelled, {}, requested=result.requested)
