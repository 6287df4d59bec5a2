"""Submitting: one INSERT, and the broker is not asked. What is wrong is said before anything is stored."""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pydantic
from django.conf import settings

from tasks import database, registry, selectors, transitions
from tasks.exceptions import IdempotencyConflict, InvalidSubmission, PayloadTooLarge, UnknownType
from tasks.leadership import COORDINATOR
from tasks.models import Task
from tasks.models.task import DEFAULT_PRIORITY, new_id
from tasks.services.submission_form import Submission, one_form, path_errors
from tasks.storable import DEEPEST, is_storable_json, is_too_deep
from tasks.transitions import NewTask

COPY_FROM = 200  # as many tasks and more travel by COPY
INSERT_AT_ONCE = 1_000
ERRORS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Submitted:
    id: uuid.UUID
    created: bool  # False: the idempotency key was used before, this is the first task


def submit_task(*, type: str, payload: Mapping[str, Any] | None = None, actor: Any = None, **options: Any) -> Submitted:
    """Stores one task. The options are the fields of `Submission`: name, queue, priority, delay or run_at, and so on.

    Raises InvalidSubmission, PayloadTooLarge or IdempotencyConflict; then nothing is stored. Within a transaction of
    the caller, the task exists when that commits.
    """
    return submit_given({"type": type, "payload": dict(payload or {}), **options}, actor=actor)


def submit_given(given: Mapping[str, Any], *, actor: Any = None) -> Submitted:
    """Stores one task that came as a mapping from outside, with whatever names in it. Raises as `submit_task` does."""
    return _submit([one_form(given)], actor, indexed=False)[0]


def submit_tasks(tasks: Sequence[Mapping[str, Any]], *, actor: Any = None) -> list[Submitted]:
    """Stores all of the tasks or none, at most BULK_LIMIT. Raises as `submit_task` does; paths begin with the index."""
    if len(tasks) > settings.BULK_LIMIT:
        detail = f"{len(tasks):,} tasks are more than {settings.BULK_LIMIT:,} at once (BULK_LIMIT)"
        raise InvalidSubmission([{"code": "too_many", "detail": detail, "attr": "tasks"}])
    forms: list[Submission] = []
    errors: list[dict[str, str]] = []
    for index, each in enumerate(tasks):
        try:
            forms.append(one_form(each))
        except InvalidSubmission as error:
            errors += [{**one, "attr": _join(index, one["attr"])} for one in error.errors]
            if len(errors) >= ERRORS_SHOWN:
                break
    if errors:
        raise InvalidSubmission(errors[:ERRORS_SHOWN])
    return _submit(forms, actor, indexed=True) if forms else []


def _submit(forms: list[Submission], actor: Any, *, indexed: bool) -> list[Submitted]:
    prepared = _prepare(forms, actor, indexed)
    firsts = _first_of_each_key(prepared, indexed)
    fresh = [task for task in prepared if firsts.get(task.idempotency_key or "", task) is task]
    copied = database.is_postgresql() and len(fresh) >= COPY_FROM
    keyed = any(task.idempotency_key for task in fresh)
    # One statement is a transaction by itself. More of them need one around them, and so do keys: where one is refused
    # after the INSERT, the others of the list must not stay.
    single = len(fresh) == 1 or (len(fresh) <= INSERT_AT_ONCE and not copied and not keyed)
    with nullcontext() if single else database.one_transaction():
        taken = _store(fresh)
        existing = _existing(taken, actor, {task.id: index for index, task in enumerate(prepared)}, indexed)
        database.notify_if_idle(COORDINATOR)
    result = []
    for task in prepared:
        first = firsts.get(task.idempotency_key or "", task)
        found = existing.get(first.id)
        result.append(Submitted(found, False) if found else Submitted(first.id, first is task))
    return result


# --- Is it valid? ---------------------------------------------------------------------------------------------------


def _prepare(forms: list[Submission], actor: Any, indexed: bool) -> list[NewTask]:
    errors: list[dict[str, str]] = []
    prepared: list[NewTask] = []
    queues = _queues()
    policies: dict[str, dict[str, Any]] = {}
    for index, form in enumerate(forms):
        prefix = str(index) if indexed else ""
        try:
            handler = registry.get(form.type)
        except UnknownType as error:
            errors.append({"code": "unknown_type", "detail": str(error), "attr": _join(prefix, "type")})
            continue
        queue = form.queue or handler.queue
        if queue not in queues and queue not in (queues := _queues(fresh=True)):
            known = ", ".join(sorted(queues))
            detail = f"there is no queue {queue!r}; there are {known}"
            errors.append({"code": "unknown_queue", "detail": detail, "attr": _join(prefix, "queue")})
        payload = _payload(form, handler, _join(prefix, "payload"), errors)
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
            )
        )
        if len(errors) >= ERRORS_SHOWN:
            break
    if errors:
        raise InvalidSubmission(errors[:ERRORS_SHOWN])
    return prepared


def _payload(form: Submission, handler: registry.Handler, attr: str, errors: list[dict[str, str]]) -> str:
    """Returns the payload as JSON; adds what is wrong with it to the errors. Raises PayloadTooLarge."""
    try:
        text = json.dumps(form.payload, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
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


_known_queues: tuple[float, frozenset[str]] = (0.0, frozenset())


def _queues(*, fresh: bool = False) -> frozenset[str]:
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


def _first_of_each_key(tasks: list[NewTask], indexed: bool) -> dict[str, NewTask]:
    firsts: dict[str, NewTask] = {}
    for index, task in enumerate(tasks):
        if task.idempotency_key:
            first = firsts.setdefault(task.idempotency_key, task)
            if first.idempotency_hash != task.idempotency_hash:
                raise _conflict(task.idempotency_key, index, indexed)
    return firsts


# --- Store it -------------------------------------------------------------------------------------------------------


def _store(tasks: list[NewTask]) -> list[NewTask]:
    """Inserts and returns those whose idempotency key was taken already."""
    plain = [task for task in tasks if not task.idempotency_key]
    # In one order: two submitters who insert the same keys in different orders would wait for each other.
    keyed = sorted((task for task in tasks if task.idempotency_key), key=lambda task: task.idempotency_key or "")
    if database.is_postgresql() and len(plain) >= COPY_FROM:
        transitions.copy_in(plain)
    else:
        for start in range(0, len(plain), INSERT_AT_ONCE):
            transitions.insert(plain[start : start + INSERT_AT_ONCE])
    stored: set[uuid.UUID] = set()
    for start in range(0, len(keyed), INSERT_AT_ONCE):
        stored |= transitions.insert(keyed[start : start + INSERT_AT_ONCE])
    return [task for task in keyed if task.id not in stored]


def _existing(
    taken: list[NewTask], actor: Any, indexes: dict[uuid.UUID, int], indexed: bool
) -> dict[uuid.UUID, uuid.UUID]:
    """Returns the first task of each taken key. Raises IdempotencyConflict where its body was another."""
    if not taken:
        return {}
    rows = Task.objects.filter(
        idempotency_key__in=[task.idempotency_key for task in taken], created_by_id=getattr(actor, "pk", None)
    ).values_list("idempotency_key", "id", "idempotency_hash")
    first = {key: (task_id, body) for key, task_id, body in rows}
    found: dict[uuid.UUID, uuid.UUID] = {}
    for task in taken:
        task_id, body = first[task.idempotency_key]
        if body != task.idempotency_hash:
            raise _conflict(str(task.idempotency_key), indexes[task.id], indexed)
        found[task.id] = task_id
    return found


def _conflict(key: str, index: int, indexed: bool) -> IdempotencyConflict:
    return IdempotencyConflict(key, _join(index if indexed else "", "idempotency_key"))


def _join(*parts: object) -> str:
    return ".".join(str(part) for part in parts if str(part) != "")
