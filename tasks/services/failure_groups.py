"""What operators think of a group of failures: mended, not worth a look, or open again."""

from typing import Any

from tasks import auditing, database
from tasks.exceptions import ChangedMeanwhile, GroupMissing, IllegalTransition
from tasks.models import FailureGroup
from tasks.services.dead_letters import LONGEST_REASON, required_reason
from tasks.states import GROUP_MOVES, GroupState

_WHY = {
    GroupState.OPEN: "it is open already",
    GroupState.RESOLVED: "somebody has resolved it already",
    GroupState.IGNORED: "somebody ignores it already",
}


def resolve_group(fingerprint: str, *, actor: Any = None, reason: str = "", seen: int | None = None) -> FailureGroup:
    """open, ignored -> resolved: what made these failures is mended. It opens by itself when it comes back.

    Its dead letters stay as they are. `seen` is how many deaths the caller knows of.
    Raises GroupMissing, IllegalTransition, or ChangedMeanwhile where more have died.
    """
    return _judge(fingerprint, "resolved", actor, reason, seen)


def ignore_group(fingerprint: str, *, reason: str, actor: Any = None, seen: int | None = None) -> FailureGroup:
    """open, resolved -> ignored: it is known, and counted on. Raises as `resolve_group`; InvalidSubmission without a
    reason."""
    return _judge(fingerprint, "ignored", actor, required_reason(reason), seen)


def reopen_group(fingerprint: str, *, actor: Any = None, reason: str = "", seen: int | None = None) -> FailureGroup:
    """resolved, ignored -> open. Raises as `resolve_group`."""
    return _judge(fingerprint, "reopened", actor, reason, seen)


def _judge(fingerprint: str, verb: str, actor: Any, reason: str, seen: int | None) -> FailureGroup:
    sources, target = GROUP_MOVES[verb]
    with database.one_transaction():
        group = FailureGroup.objects.select_for_update().filter(pk=fingerprint).first()
        if group is None:
            raise GroupMissing(fingerprint)
        if group.state not in sources:
            raise IllegalTransition(verb, group.state, _WHY[GroupState(group.state)], noun="group")
        if seen is not None and group.total_count != seen:
            raise ChangedMeanwhile(
                f"the group has {group.total_count:,} deaths by now, and you saw {seen:,}: look at it again",
                count=group.total_count,
            )
        before = {"state": group.state}
        group.state, group.state_at, group.state_reason = target, database.now(), reason[:LONGEST_REASON]
        group.state_by_id = getattr(actor, "pk", None)
        group.save(update_fields=["state", "state_at", "state_by", "state_reason"])
        auditing.record(
            verb={"resolved": "resolve", "ignored": "ignore", "reopened": "reopen"}[verb],
            kind="failure group",
            target=fingerprint,
            actor=actor,
            reason=reason,
            before=before,
            after={"state": target.value},
        )
    return group
