"""Payloads of dead tasks with a JSON merge patch applied: what they would become, and what would be wrong with them."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from tasks import registry, transitions
from tasks.exceptions import InvalidSubmission, PayloadTooLarge, UnknownType
from tasks.models import Task
from tasks.services.preparing import ERRORS_SHOWN, payload_text, with_secrets_kept
from tasks.states import TaskStatus


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


def patched(
    task_id: uuid.UUID, type_name: str, payload: Any, patch: Mapping[str, Any], errors: list[dict[str, str]]
) -> tuple[Any, str]:
    """Returns a task's payload with the patch, also as JSON. Adds what is wrong with it to the errors, task first.

    Raises PayloadTooLarge.
    """
    attr = f"{task_id}.payload"
    edited = with_secrets_kept(merged(payload, patch), payload, attr, errors)
    try:
        return edited, payload_text(edited, registry.get(type_name), attr, errors)
    except UnknownType as error:
        errors.append({"code": "unknown_type", "detail": str(error), "attr": f"{task_id}.type"})
        return edited, "{}"


def patch_errors(ids: Iterable[uuid.UUID], patch: Mapping[str, Any]) -> dict[uuid.UUID, str]:
    """Returns what the patch makes wrong, with its path, of those failed tasks whose payload it makes so."""
    wrong: dict[uuid.UUID, str] = {}
    for task_id, type_name, payload in _dead(ids):
        errors: list[dict[str, str]] = []
        try:
            patched(task_id, type_name, payload, patch, errors)
        except PayloadTooLarge as error:
            errors.append(error_of_size(error))
        if errors:
            said = (f"{each['attr'].removeprefix(f'{task_id}.')}: {each['detail']}" for each in errors[:5])
            wrong[task_id] = "; ".join(said)
    return wrong


def check_patch(parts: Iterable[list[uuid.UUID]], patch: Mapping[str, Any]) -> None:
    """Raises InvalidSubmission with the first errors of all parts. What it made is not kept: it may be much."""
    errors: list[dict[str, str]] = []
    for part in parts:
        _edits(part, patch, errors)
        if len(errors) >= ERRORS_SHOWN:
            break
    if errors:
        raise InvalidSubmission(errors[:ERRORS_SHOWN])


def apply_patch(ids: list[uuid.UUID], patch: Mapping[str, Any], *, actor: Any, reason: str) -> None:
    """Writes the patched payloads of failed tasks. Raises InvalidSubmission or PayloadTooLarge; nothing is written."""
    errors: list[dict[str, str]] = []
    edits = _edits(ids, patch, errors)
    if errors:
        raise InvalidSubmission(errors[:ERRORS_SHOWN])
    transitions.edit(edits, sources=[TaskStatus.FAILED], actor_id=getattr(actor, "pk", None), reason=reason)


def _edits(
    ids: list[uuid.UUID], patch: Mapping[str, Any], errors: list[dict[str, str]]
) -> dict[uuid.UUID, dict[str, Any]]:
    edits: dict[uuid.UUID, dict[str, Any]] = {}
    for task_id, type_name, payload in _dead(ids):
        _, text = patched(task_id, type_name, payload, patch, errors)
        edits[task_id] = {"payload": text, "payload_bytes": len(text.encode())}
    return edits


def _dead(ids: Iterable[uuid.UUID]) -> Iterable[tuple[uuid.UUID, str, Any]]:
    # What failed because of another task does not come back, so it stays as it is.
    dead = Task.objects.filter(id__in=list(ids), status=TaskStatus.FAILED, unmet=0)
    return dead.values_list("id", "type", "payload")


def error_of_size(error: PayloadTooLarge) -> dict[str, str]:
    return {"code": "payload_too_large", "detail": str(error), "attr": error.attr}
