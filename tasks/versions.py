"""Versions of rows that people edit, so that of two editors the second one learns of the first.

A version is of what can be edited: what the engine does to a row meanwhile makes no edit a mistake.
"""

import hashlib
import json
from typing import Any

from django.db.models import Model

from tasks.exceptions import EditedMeanwhile

# By model; of others it is every column.
_EDITED: dict[str, tuple[str, ...]] = {
    "tasks.task": (
        "payload", "name", "queue", "priority", "tags", "timeout", "retry", "budget", "run_at", "on_dependency_failure",
    ),
    "tasks.queue": ("description", "paused", "rate_limit", "concurrency_limit"),
}  # fmt: skip


def version_of(row: Model) -> str:
    """Returns 16 characters that differ where an editor would see another row."""
    every = tuple(field.attname for field in row._meta.concrete_fields)
    values: dict[str, Any] = {name: getattr(row, name) for name in _EDITED.get(row._meta.label_lower, every)}
    return hashlib.sha256(json.dumps(values, default=str, sort_keys=True).encode()).hexdigest()[:16]


def check_version(row: Model, version: str | None) -> None:
    """Raises EditedMeanwhile where the row is of another version; None is any. The row has to be locked."""
    if version is not None and (current := version_of(row)) != version:
        raise EditedMeanwhile(str(row._meta.verbose_name), current)
