"""Dead letters are resolved: their tasks come back, or they are given up with a reason. One, many, a group."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import QuerySet

from tasks import auditing, database, transitions
from tasks.exceptions import InvalidSubmission
from tasks.models import DeadLetter
from tasks.services.reports import Report
from tasks.services.retrying import retry_as
from tasks.states import EventKind, Resolution

LONGEST_REASON = 1_000
RESOLVED_ALREADY = "it is resolved already"
STRAY = ("stray", "it is a message that belongs to no task: it can only be discarded")


def reprocess_dead_letters(
    letters: "QuerySet[DeadLetter]",
    *,
    actor: Any = None,
    reason: str = "",
    spread: float = 0.0,
    patch: Mapping[str, Any] | None = None,
) -> Report:
    """Retries the tasks of these dead letters as far as those are open. Raises as `retry_tasks` does.

    The report has the tasks' ids; a letter that was resolved already, or is no task's, is skipped by its own.
    """
    rows = letters.order_by("created_at", "id").values_list("id", "task_id", "resolution")
    found: list[tuple[uuid.UUID, uuid.UUID | None, str]] = list(rows)
    tasks = {task_id: letter_id for letter_id, task_id, resolution in found if task_id is not None and not resolution}
    asked: dict[str, Any] = {"actor": actor, "reason": reason, "spread": spread, "patch": patch}
    report = retry_as("reprocess", "dead letter", tasks, **asked)
    for letter_id, task_id, resolution in found:
        if resolution:
            report.skipped[letter_id] = (resolution, RESOLVED_ALREADY)
        elif task_id is None:
            report.skipped[letter_id] = STRAY
    return report


def discard_dead_letters(letters: "QuerySet[DeadLetter]", *, reason: str, actor: Any = None) -> Report:
    """Closes these dead letters without another try, as far as they are open. Their tasks stay failed.

    The report has the letters' ids. Raises InvalidSubmission without a reason.
    """
    reason = required_reason(reason)
    actor_id = getattr(actor, "pk", None)
    with database.one_transaction():
        rows = letters.order_by("id").select_for_update(of=("self",))
        found: list[tuple[uuid.UUID, uuid.UUID | None, str, str]] = list(
            rows.values_list("id", "task_id", "resolution", "fingerprint")
        )
        still_open = [row for row in found if not row[2]]
        report = Report([row[0] for row in still_open])
        report.skipped = {row[0]: (row[2], RESOLVED_ALREADY) for row in found if row[2]}
        DeadLetter.objects.filter(id__in=report.done).update(
            resolution=Resolution.DISCARDED, resolved_at=database.now(), resolved_by_id=actor_id
        )
        transitions.note_closed(row[3] for row in still_open)
        if of_tasks := [row[1] for row in still_open if row[1] is not None]:
            transitions.write_events(of_tasks, EventKind.DISCARDED, reason=reason, actor_id=actor_id)
        auditing.record(verb="discard", kind="dead letter", actor=actor, reason=reason, ids=report.done)
    return report


def reprocess_letters(
    ids: Iterable[uuid.UUID],
    *,
    actor: Any = None,
    reason: str = "",
    spread: float = 0.0,
    patch: Mapping[str, Any] | None = None,
) -> Report:
    """Does as `reprocess_dead_letters` by ids. The report has the letters' ids, also of those that there are not."""
    report, letters = _open_ones(ids)
    of_task = {task_id: letter_id for letter_id, task_id in letters.items() if task_id is not None}
    chosen = DeadLetter.objects.filter(id__in=letters)
    found = reprocess_dead_letters(chosen, actor=actor, reason=reason, spread=spread, patch=patch)
    report.done = [of_task[task_id] for task_id in found.done]
    # What is skipped may be a letter that belongs to no task.
    report.skipped |= {of_task.get(each, each): why for each, why in found.skipped.items()}
    return report


def discard_letters(ids: Iterable[uuid.UUID], *, reason: str, actor: Any = None) -> Report:
    """Does as `discard_dead_letters` by ids. The report has also those that there are not."""
    report, letters = _open_ones(ids)
    found = discard_dead_letters(DeadLetter.objects.filter(id__in=letters), actor=actor, reason=reason)
    report.done, report.skipped = found.done, report.skipped | found.skipped
    return report


def _open_ones(ids: Iterable[uuid.UUID]) -> tuple[Report, dict[uuid.UUID, uuid.UUID | None]]:
    """Returns a report that has skipped the others, and the open letters with their tasks."""
    wanted = list(dict.fromkeys(ids))
    rows = DeadLetter.objects.filter(id__in=wanted).values_list("id", "task_id", "resolution")
    known = {letter_id: (task_id, resolution) for letter_id, task_id, resolution in rows}
    report, letters = Report(), dict[uuid.UUID, uuid.UUID | None]()
    for letter_id in wanted:
        task_id, resolution = known.get(letter_id, (None, None))
        if resolution == "":
            letters[letter_id] = task_id
        else:
            report.skipped[letter_id] = (
                (resolution, RESOLVED_ALREADY) if resolution else ("", "there is no such dead letter")
            )
    return report, letters


def required_reason(reason: str) -> str:
    """Returns the reason without spaces around it. Raises InvalidSubmission where nothing is left."""
    if not reason.strip():
        detail = "say why: it is kept with the history, for whoever wonders later"
        raise InvalidSubmission([{"code": "required", "detail": detail, "attr": "reason"}])
    return reason.strip()[:LONGEST_REASON]
