"""The verbs of queues."""

from typing import Any

from tasks import services
from tasks.admin.times import stamp
from tasks.admin.verb_forms import DescriptionForm, LimitsForm, PauseForm
from tasks.admin.verbs import Done, Verb
from tasks.models import Queue

_CHANGE = "tasks.change_queue"


def _pause(queue: Queue, values: dict[str, Any], user: Any) -> Done:
    paused = services.pause_queue(queue.pk, actor=user, reason=values["reason"])
    if queue.paused or (paused.paused_by_id, paused.pause_reason) != (user.pk, values["reason"]):
        return Done(f"It was paused already, {paused_in_words(paused)}. Nothing was changed.", is_change=False)
    return Done("The queue is paused. What is processing goes on.")


def _resume(queue: Queue, values: dict[str, Any], user: Any) -> Done:
    services.resume_queue(queue.pk, actor=user, reason=values["reason"])
    if not queue.paused:
        return Done("It was not paused any more. Nothing was changed.", is_change=False)
    return Done("The queue goes on.")


def _limit(queue: Queue, values: dict[str, Any], user: Any) -> Done:
    services.limit_queue(queue.pk, actor=user, **values)
    return Done("The limits are set.")


def _describe(queue: Queue, values: dict[str, Any], user: Any) -> Done:
    services.describe_queue(queue.pk, actor=user, **values)
    return Done("The description is changed.")


def paused_in_words(queue: Queue) -> str:
    """Returns by whom, since when and why a queue is paused."""
    by = f"by {queue.paused_by}" if queue.paused_by else "by nobody that is known"
    since = f" at {stamp(queue.paused_at)}" if queue.paused_at else ""
    return f"{by}{since}: {queue.pause_reason}" if queue.pause_reason else f"{by}{since}"


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
    Verb(
        name="describe",
        label="Describe",
        past="described",
        explanation="The description stands beside its name.",
        permission=_CHANGE,
        form=DescriptionForm,
        run=_describe,
    ),
)
