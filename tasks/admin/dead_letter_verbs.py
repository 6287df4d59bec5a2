"""The verbs of dead letters."""

import uuid
from typing import Any

from tasks import services
from tasks.admin.reprocess_form import ReprocessForm
from tasks.admin.verb_forms import ReasonedForm
from tasks.admin.verbs import Verb
from tasks.models import DeadLetter
from tasks.services import Report
from tasks.states import BulkVerb

_CHANGE = "tasks.change_deadletter"


def _reprocess(ids: list[uuid.UUID], values: dict[str, Any], user: Any) -> Report:
    report, letters = _open_ones(ids)
    of_task = {task_id: letter_id for letter_id, task_id in letters.items() if task_id is not None}
    found = services.reprocess_dead_letters(
        DeadLetter.objects.filter(id__in=letters),
        actor=user,
        reason=values["reason"],
        spread=values["spread"],
        patch=values.get("payload"),
    )
    report.done = [of_task[task_id] for task_id in found.done]
    # What is skipped may be a letter that belongs to no task.
    report.skipped |= {of_task.get(each, each): why for each, why in found.skipped.items()}
    return report


def _discard(ids: list[uuid.UUID], values: dict[str, Any], user: Any) -> Report:
    report, letters = _open_ones(ids)
    found = services.discard_dead_letters(
        DeadLetter.objects.filter(id__in=letters), actor=user, reason=values["reason"]
    )
    report.done, report.skipped = found.done, report.skipped | found.skipped
    return report


def _open_ones(ids: list[uuid.UUID]) -> tuple[Report, dict[uuid.UUID, uuid.UUID | None]]:
    """Returns a report that has skipped the others, and the open letters with their tasks."""
    rows = DeadLetter.objects.filter(id__in=ids).values_list("id", "task_id", "resolution")
    found = {letter_id: (task_id, resolution) for letter_id, task_id, resolution in rows}
    report, letters = Report(), {}
    for letter_id in ids:
        task_id, resolution = found.get(letter_id, (None, None))
        if resolution == "":
            letters[letter_id] = task_id
        else:
            report.skipped[letter_id] = (
                (resolution, "it is resolved already") if resolution else ("", "there is no such dead letter")
            )
    return report, letters


def _is_open(letter: DeadLetter) -> bool:
    return not letter.resolution


VERBS = (
    Verb(
        name="reprocess",
        label="Reprocess",
        past="reprocessed",
        explanation="Its task gets a fresh budget of attempts and is due at once; what failed because of it comes back"
        " with it.",
        permission=_CHANGE,
        allows=lambda letter: _is_open(letter) and letter.task_id is not None,
        form=ReprocessForm,
        run_many=_reprocess,
        bulk=BulkVerb.REPROCESS,
    ),
    Verb(
        name="discard",
        label="Discard",
        past="discarded",
        explanation="It is closed without another try. Its task stays failed, and can still be retried later.",
        permission=_CHANGE,
        allows=_is_open,
        form=ReasonedForm,
        run_many=_discard,
        bulk=BulkVerb.DISCARD,
        is_grave=True,
    ),
)
