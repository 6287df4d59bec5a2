"""Which colour a word has on a terminal; what is not named has none."""

from tasks.states import BulkStatus, GroupState, ItemState, Outcome, QueueState, Resolution, TaskStatus

OPEN = "open"  # a dead letter that has no resolution

STATUSES: dict[str, str] = {
    TaskStatus.SCHEDULED: "dim",
    TaskStatus.BLOCKED: "dim",
    TaskStatus.PENDING: "cyan",
    TaskStatus.QUEUED: "cyan",
    TaskStatus.PROCESSING: "blue",
    TaskStatus.RETRYING: "yellow",
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
    TaskStatus.CANCELLED: "dim",
}
OUTCOMES: dict[str, str] = {Outcome.COMPLETED: "green", Outcome.FAILED: "red", Outcome.LOST: "yellow"}
RESOLUTIONS: dict[str, str] = {OPEN: "red", Resolution.REPROCESSED: "green", Resolution.DISCARDED: "dim"}
GROUPS: dict[str, str] = {GroupState.OPEN: "red", GroupState.RESOLVED: "green", GroupState.IGNORED: "dim"}
QUEUES: dict[str, str] = {
    QueueState.OPEN: "green",
    QueueState.PAUSED: "yellow",
    QueueState.OVERLOADED: "red",
    QueueState.LIMITED: "yellow",
    QueueState.UNSERVED: "red",
}
BULK: dict[str, str] = {
    BulkStatus.WAITING: "cyan",
    BulkStatus.RUNNING: "blue",
    BulkStatus.PAUSED: "yellow",
    BulkStatus.STOPPED: "red",
    BulkStatus.ABORTED: "dim",
    BulkStatus.COMPLETED: "green",
    BulkStatus.FAILED: "red",
}
ITEMS: dict[str, str] = {ItemState.DONE: "green", ItemState.SKIPPED: "yellow", ItemState.FAILED: "red"}
LEVELS: dict[str, str] = {"warning": "yellow", "error": "red"}
