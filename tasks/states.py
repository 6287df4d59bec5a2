"""The vocabulary: statuses, the moves between them, outcomes and categories. Pure; nobody else spells them."""

from django.db.models import TextChoices


class TaskStatus(TextChoices):
    SCHEDULED = "scheduled"  # not due yet
    BLOCKED = "blocked"  # waits for other tasks
    PENDING = "pending"  # due, only in the database
    QUEUED = "queued"  # a message is with the broker
    PROCESSING = "processing"  # claimed under a lease
    RETRYING = "retrying"  # failed, waits for its backoff
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Move(TextChoices):
    """The named moves; each is one guarded statement in `transitions.py`."""

    PROMOTE = "promote"  # run_at was reached
    ENQUEUE = "enqueue"  # marked by the dispatcher, before it publishes
    RETURN = "return"  # not confirmed, lost, or not begun by the worker that had the message
    CLAIM = "claim"
    COMPLETE = "complete"
    RETRY = "retry"  # failed and may try again
    FAIL = "fail"  # failed for good
    RELEASE = "release"  # claimed and handed back: drain, shutdown, unknown type there
    LOSE = "lose"  # the lease ran out
    CANCEL = "cancel"
    REVIVE = "revive"  # an operator gives a dead task a fresh budget
    UNBLOCK = "unblock"  # everything that it waited for is completed
    ABANDON = "abandon"  # given up before an attempt: a dependency failed, or no worker knew its type in time
    REBLOCK = "reblock"  # what it waited for was dead and is tried again
    POSTPONE = "postpone"  # edited to be due later


_S, _M = TaskStatus, Move

# From each move to where it may start and where it may end. The README's diagram is tested against this table.
MOVES: dict[Move, tuple[frozenset[TaskStatus], frozenset[TaskStatus]]] = {
    _M.PROMOTE: (frozenset({_S.SCHEDULED, _S.RETRYING}), frozenset({_S.PENDING})),
    _M.ENQUEUE: (frozenset({_S.PENDING}), frozenset({_S.QUEUED})),
    _M.RETURN: (frozenset({_S.QUEUED}), frozenset({_S.PENDING})),
    _M.CLAIM: (frozenset({_S.QUEUED}), frozenset({_S.PROCESSING})),
    _M.COMPLETE: (frozenset({_S.PROCESSING}), frozenset({_S.COMPLETED})),
    _M.RETRY: (frozenset({_S.PROCESSING}), frozenset({_S.RETRYING})),
    _M.FAIL: (frozenset({_S.PROCESSING}), frozenset({_S.FAILED})),
    _M.RELEASE: (frozenset({_S.PROCESSING}), frozenset({_S.PENDING})),
    _M.LOSE: (frozenset({_S.PROCESSING}), frozenset({_S.PENDING, _S.FAILED})),
    _M.CANCEL: (
        frozenset({_S.SCHEDULED, _S.BLOCKED, _S.PENDING, _S.QUEUED, _S.RETRYING, _S.PROCESSING}),
        frozenset({_S.CANCELLED}),
    ),
    _M.REVIVE: (frozenset({_S.FAILED}), frozenset({_S.PENDING, _S.SCHEDULED})),
    _M.UNBLOCK: (frozenset({_S.BLOCKED, _S.FAILED}), frozenset({_S.PENDING, _S.SCHEDULED})),
    _M.ABANDON: (frozenset({_S.BLOCKED, _S.PENDING}), frozenset({_S.FAILED})),
    _M.REBLOCK: (frozenset({_S.FAILED}), frozenset({_S.BLOCKED})),
    _M.POSTPONE: (frozenset({_S.PENDING}), frozenset({_S.SCHEDULED})),
}

FINAL = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED})
DEAD = frozenset({_S.FAILED, _S.CANCELLED})  # what a dependent must not wait for
WAITING = frozenset({_S.SCHEDULED, _S.BLOCKED, _S.PENDING, _S.RETRYING})  # these can be edited
BACKLOG = frozenset({_S.PENDING, _S.QUEUED})  # this is what scaling looks at
FIRST = frozenset({_S.SCHEDULED, _S.BLOCKED, _S.PENDING})  # what a submitted task may start as


class Outcome(TextChoices):
    """How an attempt ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"  # its lease ran out; does not use up the budget
    RELEASED = "released"  # handed back; does not use up the budget


class FailureCategory(TextChoices):
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    HTTP_4XX = "http_4xx", "HTTP 4xx"
    HTTP_5XX = "http_5xx", "HTTP 5xx"
    RATE_LIMITED = "rate_limited", "Rate limited"
    INVALID_PAYLOAD = "invalid_payload", "Invalid payload"
    CODE_ERROR = "code_error", "Code error"
    WORKER_LOST = "worker_lost", "Worker lost"
    WORKER_KILLER = "worker_killer", "Worker killer"
    UNKNOWN_TYPE = "unknown_type", "Unknown type"
    DEPENDENCY_FAILED = "dependency_failed", "Dependency failed"
    CANCELLED = "cancelled"


# What a failure of an attempt can be: rules of operators choose among these. The others are facts of the engine's.
RULED = frozenset(
    {
        FailureCategory.TIMEOUT,
        FailureCategory.CONNECTION,
        FailureCategory.HTTP_4XX,
        FailureCategory.HTTP_5XX,
        FailureCategory.RATE_LIMITED,
        FailureCategory.INVALID_PAYLOAD,
        FailureCategory.CODE_ERROR,
    }
)

# A failure of these kinds ends the task at once, unless the error itself says that it may be tried again.
NOT_RETRYABLE = frozenset({FailureCategory.HTTP_4XX, FailureCategory.INVALID_PAYLOAD})


class EventKind(TextChoices):
    """What the attempts do not show of a task's life."""

    RETURNED = "returned"  # its message was lost
    REVIVED = "revived"
    CANCELLED = "cancelled"
    EDITED = "edited"
    HURRIED = "hurried"  # made due at once
    REFUSED = "refused"  # an outcome came from an attempt that no longer holds the task
    PARKED = "parked"  # no online worker of its queue knows its type
    ABANDONED = "abandoned"  # ended before an attempt
    REBLOCKED = "reblocked"
    CLONED = "cloned"
    COMPENSATED = "compensated"
    DISCARDED = "discarded"  # its dead letter was closed without another try


class OnDependencyFailure(TextChoices):
    """What becomes of a task when one that it depends on fails or is cancelled."""

    FAIL = "fail"  # fails as well, and comes back when that one is retried
    WAIT = "wait"  # goes on waiting
    RUN = "run"  # takes it for completed


class Resolution(TextChoices):
    """How a dead letter was closed; an open one has none."""

    REPROCESSED = "reprocessed"
    DISCARDED = "discarded"


class Door(TextChoices):
    """Where a change came in."""

    ADMIN = "admin"
    API = "api", "API"
    COMMAND_LINE = "command line"
    SYSTEM = "system"  # nobody asked for it


class GroupState(TextChoices):
    """What operators think of failures of one kind."""

    OPEN = "open"
    RESOLVED = "resolved"  # mended: it opens again by itself when it comes back
    IGNORED = "ignored"  # known, and not worth a look: it is counted on


# Verb on a group -> the states from which it leads on, and where to.
GROUP_MOVES: dict[str, tuple[frozenset[GroupState], GroupState]] = {
    "resolved": (frozenset({GroupState.OPEN, GroupState.IGNORED}), GroupState.RESOLVED),
    "ignored": (frozenset({GroupState.OPEN, GroupState.RESOLVED}), GroupState.IGNORED),
    "reopened": (frozenset({GroupState.RESOLVED, GroupState.IGNORED}), GroupState.OPEN),
}


class MessageMatch(TextChoices):
    """How a rule looks at the message of a failure."""

    CONTAINS = "contains"  # in any case of letters
    REGEX = "regex", "regular expression"


class RuleVerdict(TextChoices):
    """What a rule says of another attempt; one without a word leaves it to the error and its category."""

    RETRY = "retry", "try again"
    DIE = "die", "dead at once"


class Kind(TextChoices):
    """How a handler runs: the two never share a process, because plain code would starve the event loop."""

    PLAIN = "plain"
    ASYNC = "async"


class BulkVerb(TextChoices):
    """What a bulk action does to each item of its selection."""

    CANCEL = "cancel"
    RETRY = "retry"
    RUN_NOW = "run_now", "Run now"
    CHANGE_PRIORITY = "change_priority", "Change priority"
    REPROCESS = "reprocess"  # this one and the next are for dead letters
    DISCARD = "discard"


OF_DEAD_LETTERS = frozenset({BulkVerb.REPROCESS, BulkVerb.DISCARD})
GUARDED = frozenset({BulkVerb.REPROCESS, BulkVerb.RETRY})  # what they bring back may fail again, and that is watched


class BulkStatus(TextChoices):
    WAITING = "waiting"  # for the coordinator
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped", "Stopped by its guard"
    ABORTED = "aborted"
    COMPLETED = "completed"
    FAILED = "failed"  # it could not go on: whoever started it has lost the right, say


class BulkMove(TextChoices):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    ABORT = "abort"
    COMPLETE = "complete"
    FAIL = "fail"


_B = BulkStatus
BULK_ACTIVE = frozenset({_B.WAITING, _B.RUNNING})  # what the coordinator works on
BULK_OPEN = BULK_ACTIVE | {_B.PAUSED}
BULK_FINAL = frozenset(_B) - BULK_OPEN

# From each move of a bulk action to where it may start and to where it leads.
BULK_MOVES: dict[BulkMove, tuple[frozenset[BulkStatus], BulkStatus]] = {
    BulkMove.START: (frozenset({_B.WAITING}), _B.RUNNING),
    BulkMove.PAUSE: (BULK_ACTIVE, _B.PAUSED),
    BulkMove.RESUME: (frozenset({_B.PAUSED}), _B.WAITING),
    BulkMove.STOP: (frozenset({_B.RUNNING}), _B.STOPPED),
    BulkMove.ABORT: (BULK_OPEN, _B.ABORTED),
    BulkMove.COMPLETE: (frozenset({_B.RUNNING}), _B.COMPLETED),
    BulkMove.FAIL: (frozenset({_B.RUNNING}), _B.FAILED),
}


class ItemState(TextChoices):
    """What a bulk action has done to one item."""

    WAITING = "waiting"
    DONE = "done"
    SKIPPED = "skipped"  # its state did not allow it
    FAILED = "failed"


class Watched(TextChoices):
    """How a task ended that a guarded bulk action has brought back."""

    AWAITED = "awaited"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    GONE = "gone"  # removed meanwhile


class QueueState(TextChoices):
    """What an operator has to know of a queue first; it may be in several of these."""

    OPEN = "open"
    PAUSED = "paused"
    OVERLOADED = "overloaded"
    LIMITED = "limited"  # something waits, and its limit is why
    UNSERVED = "unserved"  # no worker listens


class WorkerState(TextChoices):
    """What its heartbeat says of a worker."""

    ALIVE = "alive"
    SUSPECTED = "suspected"  # heartbeats are missing; its tasks are still its own
    GONE = "gone"
    STOPPED = "stopped"  # on purpose
