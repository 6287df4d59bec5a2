"""Dead tasks come back by their own id, with another payload if that is wanted."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from tasks import auditing, database, registry, transitions
from tasks.exceptions import InvalidSubmission, PayloadTooLarge, UnknownType
from tasks.leadership import COORDINATOR
from tasks.models import Task
from tasks.services.preparing import ERRORS_SHOWN, payload_text, with_secrets_kept
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
        _check(parts, patch)
    for part in parts:
        with database.one_transaction():
            if patch:
                _patch(part, patch, actor, reason)
            moved = transitions.revive(part, actor_id=getattr(actor, "pk", None), reason=reason, spread=spread)
            database.notify_if_idle(COORDINATOR)
            operation.add(noted[each] for each in part if each in moved)
        one = report_on(part, moved, {TaskStatus.FAILED: _BELOW})
        report.done += one.done
        report.skipped |= one.skipped
    return report


def merged(value: Any, patch: Any) -> Any:
    """Returns the value with a JSON merge patch applied: objects are merged, null removes (RFC 7396, section 2)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(value) if isinstance(value, Mapping) else {}
    for name, each in patch.items():
        if each is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), each)
    return result


def patch_errors(ids: Iterable[uuid.UUID], patch: Mapping[str, Any]) -> dict[uuid.UUID, str]:
    """Returns what the patch makes wrong, with its path, of those failed tasks whose payload it makes so."""
    wrong: dict[uuid.UUID, str] = {}
    for task_id, type_name, payload in _dead(ids):
        errors: list[dict[str, str]] = []
        try:
            _patched_one(task_id, type_name, payload, patch, errors)
        except PayloadTooLarge as error:
            errors.append({"attr": "payload", "detail": str(error)})
        if errors:
            said = (f"{each['attr'].removeprefix(f'{task_id}.')}: {each['detail']}" for each in errors[:5])
            wrong[task_id] = "; ".join(said)
    return wrong


def _check(parts: Iterable[list[uuid.UUID]], patch: Mapping[str, Any]) -> None:
    """Raises InvalidSubmission with the first errors of all parts. What it made is not kept: it may be much."""
    errors: list[dict[str, str]] = []
    for part in parts:
        _patched(part, patch, errors)
        if len(errors) >= ERRORS_SHOWN:
            break
    if errors:
        raise InvalidSubmission(errors[:ERRORS_SHOWN])


def _patch(ids: list[uuid.UUID], patch: Mapping[str, Any], actor: Any, reason: str) -> None:
    errors: list[dict[str, str]] = []
    edits = _patched(ids, patch, errors)
    if errors:
        raise InvalidSubmission(errors[:ERRORS_SHOWN])
    transitions.edit(edits, sources=[TaskStatus.FAILED], actor_id=getattr(actor, "pk", None), reason=reason)


def _patched(
    ids: list[uuid.UUID], patch: Mapping[str, Any], errors: list[dict[str, str]]
) -> dict[uuid.UUID, dict[str, Any]]:
    """Returns what is to be written of each; adds what is wrong with it to the errors."""
    edits: dict[uuid.UUID, dict[str, Any]] = {}
    for task_id, type_name, payload in _dead(ids):
        text = _patched_one(task_id, type_name, payload, patch, errors)
        if text is not None:
            edits[task_id] = {"payload": text, "payload_bytes": len(text.encode())}
    return edits


def _dead(ids: Iterable[uuid.UUID]) -> Iterable[tuple[uuid.UUID, str, Any]]:
    # What failed because of another task does not come back, so it stays as it is.
    dead = Task.objects.filter(id__in=list(ids), status=TaskStatus.FAILED, unmet=0)
    return dead.values_list("id", "type", "payload")


def _patched_one(
    task_id: uuid.UUID, type_name: str, payload: Any, patch: Mapping[str, Any], errors: list[dict[str, str]]
) -> str | None:
    """Returns the payload as JSON. Raises PayloadTooLarge."""
    edited = with_secrets_kept(merged(payload, patch), payload, f"{task_id}.payload", errors)
    try:
        return payload_text(edited, registry.get(type_name), f"{task_id}.payload", errors)
    except UnknownType as error:
        errors.append({"code": "unknown_type", "detail": str(error), "attr": f"{task_id}.type"})
        return None
