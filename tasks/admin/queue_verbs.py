"""The verbs of queues."""

from typing import Any

from tasks import services
from tasks.admin.verb_forms import LimitsForm, PauseForm
from tasks.admin.verbs import Done, Verb
from tasks.models import Queue

_CHANGE = "tasks.change_queue"


def _pause(queue: Queue, values: dict[str, Any], user: Any) -> Done:
    services.pause_queue(queue.pk, actor=user, reason=values["reason"])
    return Done("The queue is paused. What is processing goes on.")


def _resume(queue: Queue, values: dict[str, Any], user: Any) -> Done:
    services.resume_queue(queue.pk, actor=user)
    return Done("The queue goes on.")


def _limit(queue: Queue, values: dict[str, Any], user: Any) -> Done:
    services.limit_queue(
        queue.pk, rate_limit=values["rate_limit"], concurrency_limit=values["concurrency_limit"], actor=user
    )
    return Done("The limits are set.")


VERBS = (
    Verb(
        name="pause",
        label="Pause",
        past="paused",
        explanation="Nothing more of it is started, on any worker. What is processing goes on, and tasks can still be"
        " submitted.",
        permission=_CHANGE,
        allows=lambda queue: not queue.paused,
        form=PauseForm,
        run=_pause,
    ),
    Verb(
        name="resume",
        label="Resume",
        past="resumed",
        explanation="What waits in it is started again, in order of priority.",
        permission=_CHANGE,
        allows=lambda queue: bool(queue.paused),
        run=_resume,
    ),
    Verb(
        name="limit",
        label="Set limits",
        past="limited",
        explanation="The limits hold for all workers together, from now on.",
        permission=_CHANGE,
        form=LimitsForm,
        run=_limit,
    ),
)
