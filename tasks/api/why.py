"""Why one task is not running, and the request that mends it."""

import uuid
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from tasks.api.answers import Status, word_of
from tasks.explaining import Cause, Remedy, why_not_running
from tasks.models import Task
from tasks.states import TaskStatus


class RemedyShape(TypedDict):
    """What mends it: the request that does so, or words alone where it is for people to do."""

    words: str
    method: str | None
    url: str | None


class WhyShape(TypedDict):
    """Why a waiting task is not running, in one sentence."""

    task: uuid.UUID
    status: Status
    cause: Annotated[str, word_of(Cause)]
    sentence: str
    evidence: Annotated[dict[str, Any], Field(description="What the sentence rests on; its names go by the cause")]
    remedy: Annotated[RemedyShape | None, Field(description="null where waiting is all there is to do")]
    also: Annotated[list[str], Field(description="What would hold it back next, once that is mended")]


# From a verb of the admin's pages to the method and address of the same here; what has none is for people.
_REQUESTS = {
    ("task", "run-now"): ("POST", "/api/tasks/{}/run-now/"),
    ("task", "retry"): ("POST", "/api/tasks/{}/retry/"),
    ("task", "priority"): ("POST", "/api/tasks/{}/priority/"),
    ("task", "edit"): ("PATCH", "/api/tasks/{}/"),
    ("task", "change"): ("GET", "/api/tasks/{}/"),
    ("queue", "resume"): ("POST", "/api/queue-manager/queues/{}/resume/"),
    ("queue", "limit"): ("PATCH", "/api/queue-manager/queues/{}/"),
}


def why(task: Task) -> WhyShape:
    """Raises IllegalTransition where the task does not wait."""
    found = why_not_running(task)
    return {
        "task": task.id,
        "status": task.status,
        "cause": found.cause.value,
        "sentence": found.sentence,
        "evidence": found.evidence,
        "remedy": None if found.remedy is None else _remedy(found.remedy),
        "also": list(found.also),
    }


def _remedy(remedy: Remedy) -> RemedyShape:
    method, address = _REQUESTS.get((remedy.kind, remedy.verb), (None, None))
    return {"words": remedy.words, "method": method, "url": address.format(remedy.target) if address else None}


EXAMPLE = {
    "task": "0198c1f0-6d1e-7c3a-9b52-3f0a5f1e2d4c",
    "status": TaskStatus.PENDING.value,
    "cause": Cause.PAUSED.value,
    "sentence": "The queue http is paused by ada since 2026-03-01 02:14:09 (12 min ago): The shop is down.",
    "evidence": {"queue": "http", "since": "2026-03-01T02:14:09Z", "by": "ada", "reason": "The shop is down."},
    "remedy": {
        "words": "Resume the queue",
        "method": "POST",
        "url": "/api/queue-manager/queues/http/resume/",
    },
    "also": [],
}
