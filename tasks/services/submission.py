"""Submitting: one INSERT, and the broker is not asked. What is wrong is said before anything is stored."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from tasks.exceptions import InvalidSubmission
from tasks.services.preparing import ERRORS_SHOWN, join
from tasks.services.storing import Submitted, store
from tasks.services.submission_form import Submission, one_form


def submit_task(*, type: str, payload: Mapping[str, Any] | None = None, actor: Any = None, **options: Any) -> Submitted:
    """Stores one task. The options are the fields of `Submission`: name, queue, priority, delay or run_at, and so on.

    Raises InvalidSubmission, PayloadTooLarge, IdempotencyConflict, DependencyEnded or AlreadyCompensated, and for the
    type `compensation` what `undoing.check_targets` raises; then nothing is stored. Within a transaction of the caller,
    the task exists when that commits.
    """
    return submit_given({"type": type, "payload": dict(payload or {}), **options}, actor=actor)


def submit_given(given: Mapping[str, Any], *, actor: Any = None) -> Submitted:
    """Stores one task that came as a mapping from outside, with whatever names in it. Raises as `submit_task` does."""
    return store([one_form(given)], actor, indexed=False)[0]


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
            errors += [{**one, "attr": join(index, one["attr"])} for one in error.errors]
            if len(errors) >= ERRORS_SHOWN:
                break
    if errors:
        raise InvalidSubmission(errors[:ERRORS_SHOWN])
    return store(forms, actor, indexed=True) if forms else []
