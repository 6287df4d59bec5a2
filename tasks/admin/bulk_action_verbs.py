"""The verbs of a bulk action that is under way. Who may use its own verb may use these."""

from collections.abc import Callable
from typing import Any

from tasks import services
from tasks.admin.verbs import Done, Verb
from tasks.models import BulkAction
from tasks.states import BULK_MOVES, BulkMove

_VIEW = "tasks.view_bulkaction"


def _steer(service: Callable[..., BulkAction], words: str) -> Callable[[Any, dict[str, Any], Any], Done]:
    def run(action: BulkAction, values: dict[str, Any], user: Any) -> Done:
        service(action.pk, actor=user, reason=values["reason"])
        return Done(words)

    return run


def _in(move: BulkMove) -> Callable[[Any], bool]:
    return lambda action: action.status in BULK_MOVES[move][0]


VERBS = (
    Verb(
        name="pause",
        label="Pause",
        past="paused",
        explanation="It rests after the batch that it is at, until it is resumed.",
        permission=_VIEW,
        allows=_in(BulkMove.PAUSE),
        run=_steer(services.pause_bulk_action, "It is paused."),
    ),
    Verb(
        name="resume",
        label="Resume",
        past="resumed",
        explanation="It goes on where it was.",
        permission=_VIEW,
        allows=_in(BulkMove.RESUME),
        run=_steer(services.resume_bulk_action, "It goes on."),
    ),
    Verb(
        name="abort",
        label="Abort",
        past="aborted",
        explanation="It ends after the batch that it is at. What it has done stays done; nothing else is touched.",
        permission=_VIEW,
        allows=_in(BulkMove.ABORT),
        run=_steer(services.abort_bulk_action, "It is aborted: nothing else is touched."),
        is_grave=True,
    ),
)
