"""The audit trail: services note who changed what and why, in the transaction of the change.

The door, and a web request's user and key, are those of the context that the service is called in.
"""

import getpass
import json
import socket
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from django.db.models import F

from tasks.doors import entrance, through
from tasks.masking import masked, masked_text
from tasks.models import AuditEntry
from tasks.states import Door
from tasks.storable import storable_json, storable_text

__all__ = ["CONTENTS", "Operation", "as_part_of_another", "differences", "door", "record", "through"]

IDS_KEPT = 20
VALUES_LIMIT = 16 * 1024  # bytes of what was before, and of what is after
LONGEST_REASON = 1_000
CONTENTS = ("payload", "result")  # names in before and after whose values only those see who may see payloads


_within_another: ContextVar[bool] = ContextVar("within_another", default=False)


@contextmanager
def as_part_of_another() -> Iterator[None]:
    """Inside, nothing is noted: the caller notes the operation as a whole."""
    token = _within_another.set(True)
    try:
        yield
    finally:
        _within_another.reset(token)


def door() -> Door:
    return entrance().door


class Operation:
    """One entry for one operation, however many transactions it takes."""

    def __init__(
        self,
        *,
        verb: str,
        kind: str,
        actor: Any,
        target: str = "",
        reason: str = "",
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        self._values = {"verb": verb, "kind": kind, "reason": _text(reason), "before": before, "after": after}
        self._actor, self._target = actor, target
        self._entry: AuditEntry | None = None

    def add(self, ids: Iterable[uuid.UUID | str | int] = (), *, count: int | None = None) -> None:
        """Notes that these were changed as well. Belongs into the transaction that changed them; none is no change."""
        found = [str(each) for each in ids]
        number = len(found) if count is None else count
        if not number or _within_another.get():
            return
        if self._entry is None:
            self._entry = _write(self._actor, self._values, self._target, found, number)
            return
        kept = [*self._entry.ids, *found][:IDS_KEPT]
        # The entry's own number was of a transaction that is committed by now, and one of this may be rolled back.
        AuditEntry.objects.filter(pk=self._entry.pk).update(count=F("count") + number, ids=kept, target="")
        self._entry.ids = kept


def record(
    *,
    verb: str,
    kind: str,
    target: str = "",
    count: int = 1,
    actor: Any,
    reason: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    ids: Iterable[uuid.UUID | str | int] | None = None,
) -> None:
    """Notes one operation, in the transaction that makes it. `target` is which one; `ids`, where given, are what was
    changed and are counted: none of them is no operation.

    Secrets are masked here. What stands under `payload` or `result` is shown to those alone who may see payloads.
    """
    operation = Operation(verb=verb, kind=kind, target=target, actor=actor, reason=reason, before=before, after=after)
    operation.add(ids or (), count=count if ids is None else None)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the values that differ, before and after."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}


def _write(actor: Any, values: dict[str, Any], target: str, ids: list[str], count: int) -> AuditEntry:
    way_in = entrance()
    # Both may be lazy objects that read the session.
    user: Any = actor or getattr(way_in.request, "user", None)
    user_id = getattr(user, "pk", None)
    return AuditEntry.objects.create(
        actor_id=user_id,
        actor_name=storable_text(user.get_username(), 200) if user_id is not None else _nobody(way_in.door),
        key=getattr(getattr(way_in.request, "auth", None), "prefix", ""),
        door=way_in.door,
        verb=values["verb"],
        kind=values["kind"],
        target=storable_text(target or (ids[0] if len(ids) == count == 1 else ""), 200),
        count=count,
        ids=ids[:IDS_KEPT],
        reason=values["reason"],
        before=_bounded(values["before"]),
        after=_bounded(values["after"]),
    )


@cache
def _nobody(door: Door) -> str:
    """Returns who it was where it was no user of Taskyard."""
    if door != Door.COMMAND_LINE:
        return ""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"[:200]
    except (OSError, KeyError):  # a container may run as a number that has no name
        return socket.gethostname()[:200]


def _text(reason: str) -> str:
    return storable_text(masked_text(storable_text(reason, 8 * LONGEST_REASON)), LONGEST_REASON)


def _bounded(values: Mapping[str, Any] | None) -> Any:
    """Returns what is stored: plain JSON, masked, and of each value no more than fits."""
    if values is None:
        return None
    found: dict[str, Any] = {}
    left = VALUES_LIMIT
    for name, value in masked(json.loads(json.dumps(dict(values), default=str))).items():
        try:
            text = storable_json(value, limit=max(left, 64))
        except (ValueError, RecursionError):
            text = storable_json("… left out: it is too large", limit=64)
        found[name] = json.loads(text)
        left -= len(text)
    return found
