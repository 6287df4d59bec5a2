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
    how = {"reason": values["reason"], "spread": values["spread"], "patch": values.get("payload")}
    return services.reprocess_letters(ids, actor=user, **how)


def _discard(ids: list[uuid.UUID], values: dict[str, Any], user: Any) -> Report:
    return services.discard_letters(ids, actor=user, reason=values["reason"])


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
