"""What a reprocess would do, before anything is done: which tasks come back, and what becomes of their payloads."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from tasks.exceptions import PayloadTooLarge
from tasks.models import DeadLetter, Task
from tasks.services.patching import error_of_size, patched
from tasks.services.preparing import ERRORS_SHOWN
from tasks.services.retrying import AT_ONCE
from tasks.states import TaskStatus

LOOKED_AT = 10_000  # payloads of which it is said whether they would be valid
SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One payload before and after the patch, with its real secrets: mask them."""

    letter_id: uuid.UUID
    task_id: uuid.UUID
    type: str
    before: Any
    after: Any
    errors: list[dict[str, str]]  # their paths begin in the payload

    @property
    def is_changed(self) -> bool:
        return _text(self.before) != _text(self.after)


@dataclass(slots=True)
class Preview:
    count: int = 0  # open dead letters
    comes_back: int = 0  # of those that were looked at
    strays: int = 0
    held_back: int = 0  # they failed because of another task
    looked_at: int = 0
    changed: int = 0
    invalid: int = 0
    errors: list[dict[str, str]] = field(default_factory=list)  # the first; their paths begin with the task
    samples: list[Sample] = field(default_factory=list)  # invalid ones first
    digest: str = ""  # of what was looked at and of the patch: another one means that something has changed


def preview_reprocess(
    letters: "QuerySet[DeadLetter]", *, patch: Mapping[str, Any] | None = None, samples: int = SAMPLES
) -> Preview:
    """Looks at the oldest LOOKED_AT of the open dead letters, set-wise, and changes nothing."""
    still_open = letters.filter(resolution="")
    preview = Preview(count=still_open.order_by().count())
    found: list[tuple[uuid.UUID, uuid.UUID | None]] = list(
        still_open.order_by("created_at", "id").values_list("id", "task_id")[:LOOKED_AT]
    )
    preview.looked_at = len(found)
    seen = hashlib.sha256(_text(patch).encode())
    good: list[Sample] = []
    bad: list[Sample] = []
    for start in range(0, len(found), AT_ONCE):
        part = found[start : start + AT_ONCE]
        tasks = {
            row[0]: row[1:]
            for row in Task.objects.filter(id__in=[task_id for _, task_id in part if task_id]).values_list(
                "id", "type", "payload", "status", "unmet"
            )
        }
        for letter_id, task_id in part:
            seen.update(letter_id.bytes)
            if task_id is None:
                preview.strays += 1
                continue
            if task_id not in tasks:
                continue
            type_name, payload, status, unmet = tasks[task_id]
            seen.update(f"{status} {unmet} {_text(payload)}".encode())
            if status != TaskStatus.FAILED or unmet:
                preview.held_back += 1
                continue
            preview.comes_back += 1
            sample = _sample(letter_id, task_id, type_name, payload, patch or {}, preview)
            kept = bad if sample.errors else good
            if len(kept) < samples:
                kept.append(sample)
    preview.samples = [*bad, *good][:samples]
    preview.digest = seen.hexdigest()
    return preview


def _sample(
    letter_id: uuid.UUID, task_id: uuid.UUID, type_name: str, payload: Any, patch: Mapping[str, Any], preview: Preview
) -> Sample:
    errors: list[dict[str, str]] = []
    try:
        after, _ = patched(task_id, type_name, payload, patch, errors)
    except PayloadTooLarge as error:
        errors.append(error_of_size(error))
        after = payload
    sample = Sample(
        letter_id,
        task_id,
        type_name,
        payload,
        after,
        [{**each, "attr": each["attr"].removeprefix(f"{task_id}.")} for each in errors],
    )
    preview.changed += sample.is_changed
    if errors:
        preview.invalid += 1
        preview.errors += errors[: max(0, ERRORS_SHOWN - len(preview.errors))]
    return sample


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
