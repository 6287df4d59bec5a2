"""What an answer is made of: the cause, a sentence, its evidence, and what mends it."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import TextChoices


class Cause(TextChoices):
    """Why a waiting task is not running. There is no cause "unknown": what nothing holds back is next."""

    DUE_LATER = "due_later"
    DEPENDENCIES = "dependencies"
    NO_LEADER = "no_leader", "No coordinator leads"
    NO_QUEUE = "no_queue", "There is no such queue"
    UNKNOWN_TYPE = "unknown_type", "No worker knows its type"
    NO_WORKER = "no_worker", "No worker listens"
    BROKER = "broker", "The broker cannot be reached"
    PAUSED = "paused", "Its queue is paused"
    CONCURRENCY_LIMIT = "concurrency_limit"
    RATE_LIMIT = "rate_limit"
    WORKERS_BUSY = "workers_busy"
    AHEAD = "ahead", "Others are ahead of it"
    MESSAGE = "message", "Its message waits"
    NEXT = "next", "It is next"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What mends it: a verb of a row, which has a button and an address; else the list of a kind, or words alone."""

    words: str
    kind: str = ""  # of row: task, queue, worker
    verb: str = ""  # as the pages of verbs call it
    target: str = ""  # the row's key


@dataclass(frozen=True, slots=True)
class Explanation:
    cause: Cause
    sentence: str
    evidence: dict[str, Any] = field(default_factory=dict)
    remedy: Remedy | None = None
    also: tuple[str, ...] = ()  # what would hold it back next, once this is mended
