"""Which colour a word of `states.py` has on a badge. The words themselves are the enums' labels."""

from tasks.states import BulkStatus, GroupState, ItemState, Outcome, QueueState, Resolution, TaskStatus, WorkerState

# unfold's colours are info, primary, success, warning and danger; anything else is grey.
GREY = "grey"

STATUS_COLOURS: dict[str, str] = {
    TaskStatus.SCHEDULED: GREY,
    TaskStatus.BLOCKED: GREY,
    TaskStatus.PENDING: "info",
    TaskStatus.QUEUED: "info",
    TaskStatus.PROCESSING: "primary",
    TaskStatus.RETRYING: "warning",
    TaskStatus.COMPLETED: "success",
    TaskStatus.FAILED: "danger",
    TaskStatus.CANCELLED: GREY,
}

OUTCOME_COLOURS: dict[str, str] = {
    Outcome.COMPLETED: "success",
    Outcome.FAILED: "danger",
    Outcome.CANCELLED: GREY,
    Outcome.LOST: "warning",
    Outcome.RELEASED: GREY,
}

OPEN = "open"
RESOLUTION_COLOURS: dict[str, str] = {
    OPEN: "danger",
    Resolution.REPROCESSED: "success",
    Resolution.DISCARDED: GREY,
}

BULK_COLOURS: dict[str, str] = {
    BulkStatus.WAITING: "info",
    BulkStatus.RUNNING: "primary",
    BulkStatus.PAUSED: "warning",
    BulkStatus.STOPPED: "danger",
    BulkStatus.ABORTED: GREY,
    BulkStatus.COMPLETED: "success",
    BulkStatus.FAILED: "danger",
}

ITEM_COLOURS: dict[str, str] = {
    ItemState.WAITING: GREY,
    ItemState.DONE: "success",
    ItemState.SKIPPED: "warning",
    ItemState.FAILED: "danger",
}

GROUP_COLOURS: dict[str, str] = {
    GroupState.OPEN: "danger",
    "returned": "warning",  # open again after it had been resolved
    GroupState.RESOLVED: "success",
    GroupState.IGNORED: GREY,
}

LEVEL_COLOURS: dict[str, str] = {"debug": GREY, "info": "info", "warning": "warning", "error": "danger"}

WORKER_COLOURS: dict[str, str] = {
    WorkerState.ALIVE: "success",
    WorkerState.SUSPECTED: "warning",
    WorkerState.GONE: "danger",
    WorkerState.STOPPED: GREY,
}

QUEUE_COLOURS: dict[str, str] = {
    QueueState.OPEN: "success",
    QueueState.PAUSED: "warning",
    QueueState.OVERLOADED: "danger",
    QueueState.LIMITED: "info",
    QueueState.UNSERVED: "warning",
}
