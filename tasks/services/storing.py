"""Storing what was found valid: all of a list or nothing, with its idempotency keys and its dependencies."""

import uuid
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError

from tasks import database, transitions
from tasks.exceptions import AlreadyCompensated, IdempotencyConflict
from tasks.kill_points import KillPoint, reached
from tasks.leadership import COORDINATOR
from tasks.models import Task
from tasks.services import dependencies, undoing
from tasks.services.dependencies import Waits
from tasks.services.preparing import join, prepare
from tasks.services.submission_form import Submission
from tasks.transitions import NewTask, Stored

COPY_FROM = 200  # as many tasks and more travel by COPY
INSERT_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Submitted:
    id: uuid.UUID
    created: bool  # False: the idempotency key was used before, this is the first task
    stored: Stored | None = None  # its row, where it is new and waits for nothing, and few were submitted


class _OvertakenError(Exception):
    """Somebody else stored or removed, at the same moment, the first task of a key that matters here."""


def store(forms: list[Submission], actor: Any, *, indexed: bool, **links: uuid.UUID | None) -> list[Submitted]:
    """Stores the tasks or none of them. `links` are what `prepare` takes besides.

    Raises InvalidSubmission, PayloadTooLarge, IdempotencyConflict, DependencyEnded or AlreadyCompensated, and what
    `undoing.check_targets` raises.
    """
    for _ in range(3):
        with suppress(_OvertakenError):
            prepared = prepare(forms, actor, indexed=indexed, **links)
            if "compensates" not in links and any(task.compensates_id for task in prepared):
                return _store_undoing(prepared, forms, actor, indexed)
            return _store(prepared, forms, actor, indexed)
    raise OperationalError("the same idempotency keys are being submitted elsewhere at this moment: try again")


def _store(prepared: list[NewTask], forms: list[Submission], actor: Any, indexed: bool) -> list[Submitted]:
    waits = dependencies.read(forms, prepared, indexed=indexed)
    firsts = _first_of_each_key(prepared, indexed)
    of_key = [firsts.get(task.idempotency_key or "", task) for task in prepared]
    fresh = [task for task, first in zip(prepared, of_key, strict=True) if first is task]
    copied = database.is_postgresql() and len(fresh) >= COPY_FROM
    keyed = any(task.idempotency_key for task in fresh)
    # One statement is a transaction by itself. More of them need one around them, and so do keys: where one is refused
    # after the INSERT, the others of the list must not stay.
    single = waits is None and (len(fresh) == 1 or (len(fresh) <= INSERT_AT_ONCE and not copied and not keyed))
    with nullcontext() if single else database.one_transaction():
        if waits is not None:
            waits.lock(of_key, _stored_parents(waits, of_key, actor))
        taken, stored = _insert(fresh, wake=COORDINATOR if single else "")
        if waits is not None:
            refused = {task.id for task in taken}
            if refused & {of_key[place].id for place in waits.parents()}:
                raise _OvertakenError
            waits.store({task.id for task in fresh} - refused)
        reached(KillPoint.STORED if single else KillPoint.STORING)
        existing = _existing(taken, actor, {task.id: index for index, task in enumerate(prepared)}, indexed)
        if not single:
            database.notify_if_idle(COORDINATOR)
    return [
        Submitted(existing[first.id], False)
        if first.id in existing
        else Submitted(first.id, first is task, stored.get(first.id) if first is task and waits is None else None)
        for task, first in zip(prepared, of_key, strict=True)
    ]


def _store_undoing(prepared: list[NewTask], forms: list[Submission], actor: Any, indexed: bool) -> list[Submitted]:
    undoing.check_targets(prepared, actor, indexed=indexed)
    with database.one_transaction():
        submitted = _store(prepared, forms, actor, indexed)
        for task, stored in zip(prepared, submitted, strict=True):
            if task.compensates_id and stored.created:
                undoing.write_compensated(task.compensates_id, stored.id, actor)
    return submitted


def _first_of_each_key(tasks: list[NewTask], indexed: bool) -> dict[str, NewTask]:
    firsts: dict[str, NewTask] = {}
    for index, task in enumerate(tasks):
        if task.idempotency_key:
            first = firsts.setdefault(task.idempotency_key, task)
            if first.idempotency_hash != task.idempotency_hash:
                raise _conflict(task.idempotency_key, index, indexed)
    return firsts


def _insert(tasks: list[NewTask], *, wake: str) -> tuple[list[NewTask], dict[uuid.UUID, Stored]]:
    """Returns those that were refused: their key was taken, or what they undo is undone. And the others' rows, by id.

    Of what travelled by COPY no rows are known.
    """
    plain = [task for task in tasks if not _may_be_refused(task)]
    # In one order: two submitters who insert the same keys in different orders would wait for each other.
    unique = sorted(filter(_may_be_refused, tasks), key=lambda task: (task.idempotency_key or "", task.id))
    stored: dict[uuid.UUID, Stored] = {}
    if database.is_postgresql() and len(plain) >= COPY_FROM:
        transitions.copy_in(plain)
        plain = []
    for some in (plain, unique):
        for start in range(0, len(some), INSERT_AT_ONCE):
            stored |= transitions.insert(some[start : start + INSERT_AT_ONCE], wake=wake)
    return [task for task in unique if task.id not in stored], stored


def _may_be_refused(task: NewTask) -> bool:
    return bool(task.idempotency_key or task.compensates_id)


def _existing(
    refused: list[NewTask], actor: Any, indexes: dict[uuid.UUID, int], indexed: bool
) -> dict[uuid.UUID, uuid.UUID]:
    """Returns the first task of each taken key. Raises IdempotencyConflict where its body was another."""
    first = _by_key(refused, actor)
    found: dict[uuid.UUID, uuid.UUID] = {}
    for task in refused:
        if task.idempotency_key in first:
            task_id, body = first[task.idempotency_key]
            if body != task.idempotency_hash:
                raise _conflict(task.idempotency_key, indexes[task.id], indexed)
            found[task.id] = task_id
        elif task.compensates_id:
            raise AlreadyCompensated(task.compensates_id)
        else:
            raise _OvertakenError  # the first one was removed since
    return found


def _by_key(tasks: list[NewTask], actor: Any) -> dict[str, tuple[uuid.UUID, str]]:
    keys = [task.idempotency_key for task in tasks if task.idempotency_key]
    if not keys:
        return {}
    rows = Task.objects.filter(idempotency_key__in=keys, created_by_id=getattr(actor, "pk", None))
    return {
        str(key): (task_id, body)
        for key, task_id, body in rows.values_list("idempotency_key", "id", "idempotency_hash")
    }


def _stored_parents(waits: Waits, tasks: list[NewTask], actor: Any) -> dict[int, uuid.UUID]:
    """Returns those tasks of the list, by place, that others wait for and that exist: their key was used before."""
    places = [place for place in waits.parents() if tasks[place].idempotency_key]
    first = _by_key([tasks[place] for place in places], actor)
    return {
        place: first[key][0] for place in places if (key := tasks[place].idempotency_key) is not None and key in first
    }


def _conflict(key: str, index: int, indexed: bool) -> IdempotencyConflict:
    return IdempotencyConflict(key, join(index if indexed else "", "idempotency_key"))
