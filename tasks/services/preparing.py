"""Is what was submitted valid? Type, queue and payload are looked at here; the other fields in `submission_form`."""

import hashlib
import json
import time
import uuid
from typing import Any

import pydantic
from django.conf import settings

from tasks import registry, selectors
from tasks.exceptions import InvalidSubmission, PayloadTooLarge, UnknownType
from tasks.masking import NothingToKeep, unmasked
from tasks.models.task import DEFAULT_PRIORITY, new_id
from tasks.registry import COMPENSATION
from tasks.services.submission_form import Submission, Undo, path_errors
from tasks.storable import DEEPEST, is_storable_json, is_too_deep
from tasks.transitions import NewTask

ERRORS_SHOWN = 100


def prepare(
    forms: list[Submission],
    actor: Any,
    *,
    indexed: bool,
    clone_of: uuid.UUID | None = None,
    compensates: uuid.UUID | None = None,
) -> list[NewTask]:
    """Returns the tasks as they will be stored. Raises InvalidSubmission with every error found, or PayloadTooLarge."""
    errors: list[dict[str, str]] = []
    prepared: list[NewTask] = []
    queues = known_queues()
    policies: dict[str, dict[str, Any]] = {}
    for index, form in enumerate(forms):
        prefix = str(index) if indexed else ""
        try:
            handler = registry.get(form.type)
        except UnknownType as error:
            errors.append({"code": "unknown_type", "detail": str(error), "attr": join(prefix, "type")})
            continue
        queue = form.queue or handler.queue
        if queue not in queues and queue not in (queues := known_queues(fresh=True)):
            known = ", ".join(sorted(queues))
            detail = f"there is no queue {queue!r}; there are {known}"
            errors.append({"code": "unknown_queue", "detail": detail, "attr": join(prefix, "queue")})
        payload = payload_text(form.payload, handler, join(prefix, "payload"), errors)
        undo = None if form.compensate is None else _undo_text(form.compensate, join(prefix, "compensate"), errors)
        if handler.name not in policies:
            policies[handler.name] = handler.retry.model_dump(mode="json")
        max_attempts = form.max_attempts or handler.max_attempts
        prepared.append(
            NewTask(
                id=new_id(),
                type=form.type,
                name=form.name,
                queue=queue,
                priority=DEFAULT_PRIORITY if form.priority is None else form.priority,
                payload=payload,
                payload_bytes=len(payload.encode()),
                tags=form.tags,
                timeout=form.timeout or handler.timeout,
                retry=form.retry.model_dump(mode="json") if form.retry else policies[handler.name],
                max_attempts=max_attempts,
                budget=max_attempts,
                delay=form.delay or 0.0,
                run_at=form.run_at,
                created_by_id=getattr(actor, "pk", None),
                idempotency_key=form.idempotency_key,
                idempotency_hash=_body_hash(form) if form.idempotency_key and not errors else "",
                on_dependency_failure=form.on_dependency_failure.value,
                compensates_id=compensates or _undone_by(form),
                compensation=undo,
                clone_of_id=clone_of,
            )
        )
        if len(errors) >= ERRORS_SHOWN:
            break
    if errors:
        raise InvalidSubmission(errors[:ERRORS_SHOWN])
    return prepared


def with_secrets_kept(edited: Any, original: Any, attr: str, errors: list[dict[str, str]]) -> Any:
    """Returns the edited payload with the original's secrets where it has the masks that were shown instead of them.

    Adds to the errors where a mask stands for nothing.
    """
    try:
        return unmasked(edited, original)
    except NothingToKeep as error:
        errors.append({"code": "masked", "detail": error.detail, "attr": join(attr, error.path)})
        return original


def payload_text(payload: Any, handler: registry.Handler, attr: str, errors: list[dict[str, str]]) -> str:
    """Returns the payload as JSON; adds what is wrong with it to the errors. Raises PayloadTooLarge."""
    try:
        text = json.dumps(payload, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        if not is_storable_json(text):
            raise ValueError("it holds a NUL character or a lone surrogate, which no database text can hold")
        if is_too_deep(text):
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
    except (TypeError, ValueError, RecursionError) as error:
        errors.append({"code": "not_json", "detail": f"the payload cannot be stored: {error}", "attr": attr})
        return "{}"
    size = len(text.encode())
    if size > settings.PAYLOAD_LIMIT:
        raise PayloadTooLarge(size, settings.PAYLOAD_LIMIT, attr)
    try:
        handler.payload.model_validate_json(text)  # as the worker reads it
    except pydantic.ValidationError as error:
        errors += path_errors(error, attr)
    return text


def _undo_text(undo: Undo, attr: str, errors: list[dict[str, str]]) -> str:
    """Returns the task that shall undo another one, as JSON; adds what is wrong with it to the errors."""
    try:
        payload_text(undo.payload, registry.get(undo.type), join(attr, "payload"), errors)
    except UnknownType as error:
        errors.append({"code": "unknown_type", "detail": str(error), "attr": join(attr, "type")})
    return undo.model_dump_json() if not errors else "{}"


_known_queues: tuple[float, frozenset[str]] = (0.0, frozenset())


def known_queues(*, fresh: bool = False) -> frozenset[str]:
    """Returns the queues' names, from memory for a few seconds: a submit costs one statement."""
    global _known_queues
    read_at, names = _known_queues
    if fresh or time.monotonic() - read_at > 5.0:
        names = frozenset(selectors.queue_names())
        _known_queues = (time.monotonic(), names)
    return names


def _body_hash(form: Submission) -> str:
    # What is left out and what is given as its default are the same body.
    body = form.model_dump(mode="json", exclude_defaults=True, exclude={"idempotency_key"})
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _undone_by(form: Submission) -> uuid.UUID | None:
    """Returns the task that a task of the type `compensation` undoes: its payload names it."""
    if form.type != COMPENSATION:
        return None
    try:
        return uuid.UUID(str(form.payload.get("task")))
    except ValueError:
        return None  # the payload's own model says what is wrong


def join(*parts: object) -> str:
    """Returns the path of an error."""
    return ".".join(str(part) for part in parts if str(part) != "")
