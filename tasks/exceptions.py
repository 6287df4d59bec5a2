"""The errors of the engine, and the one that handlers raise to say how they failed."""

from typing import Any
from uuid import UUID

from tasks.states import FailureCategory


class TaskyardError(Exception):
    """Anything that Taskyard raises on purpose."""


class UnknownType(TaskyardError):
    """No handler of this name is installed here."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no handler is installed for the type {name!r}")
        self.name = name


class IllegalTransition(TaskyardError):
    """The task is not in a state that the move may start from. `attr` is the path by which a submission named it."""

    def __init__(self, verb: str, status: str, why: str = "", attr: str = "", noun: str = "task") -> None:
        article = "an" if status[:1] in "aeiou" else "a"
        super().__init__(f"{article} {status} {noun} cannot be {verb}" + (f": {why}" if why else ""))
        self.verb, self.status, self.attr = verb, status, attr


class TaskMissing(TaskyardError):
    """There is no task of this id."""

    def __init__(self, task: UUID) -> None:
        super().__init__(f"there is no task {task}")


class DeadLetterMissing(TaskyardError):
    """There is no dead letter of this id."""

    def __init__(self, letter: UUID) -> None:
        super().__init__(f"there is no dead letter {letter}")


class QueueMissing(TaskyardError):
    """There is no queue of this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no queue {name!r}")


class GroupMissing(TaskyardError):
    """There is no group of failures of this fingerprint."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__(f"there is no group {fingerprint!r}")


class RuleMissing(TaskyardError):
    """There is no rule of this id."""

    def __init__(self, rule: int) -> None:
        super().__init__(f"there is no rule {rule}")


class ChangedMeanwhile(TaskyardError):
    """What was looked at is not what is there by now. `state` names what is."""

    def __init__(self, words: str, **state: Any) -> None:
        super().__init__(words)
        self.state = state


class EditedMeanwhile(TaskyardError):
    """What is to be edited is not any more what its editor saw. `version` is that of what is there now."""

    def __init__(self, what: str, version: str) -> None:
        super().__init__(f"the {what} was changed since you read it: read it again, then edit what is there now")
        self.version = version


class KeyRefused(TaskyardError):
    """What was sent as an API key opens nothing."""


class InvalidSubmission(TaskyardError):
    """What was submitted is wrong. `errors` holds one {code, detail, attr} each, `attr` being the path."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("; ".join(f"{error['attr']}: {error['detail']}".removeprefix(": ") for error in errors[:5]))
        self.errors = errors


class PayloadTooLarge(TaskyardError):
    """The payload is over PAYLOAD_LIMIT. `attr` is its path."""

    def __init__(self, size: int, limit: int, attr: str) -> None:
        super().__init__(f"the payload has {size:,} bytes; the limit is {limit:,} bytes (PAYLOAD_LIMIT)")
        self.attr = attr


class IdempotencyConflict(TaskyardError):
    """The key was used before with another body. `attr` is the path of the key."""

    def __init__(self, key: str, attr: str) -> None:
        super().__init__(f"the idempotency key {key!r} was used before with another body")
        self.attr = attr


class DependencyEnded(TaskyardError):
    """A task would wait for one that has failed or was cancelled. `attr` is the path of the reference."""

    def __init__(self, parent: UUID, status: str, attr: str) -> None:
        super().__init__(f"task {parent} is {status}: retry it first, or say what to do by on_dependency_failure")
        self.status, self.attr = status, attr


class SetChanged(TaskyardError):
    """What a bulk action would touch is by now another number than the confirmation showed."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(
            f"{found:,} match by now, and {expected:,} were confirmed: look at them again and confirm the new number"
        )
        self.expected, self.found = expected, found


class BulkActionUnderWay(TaskyardError):
    """The same is being done to the same selection already, by the bulk action `action`."""

    def __init__(self, action: UUID, by: str) -> None:
        super().__init__(f"the same is under way already, started by {by}: bulk action {action}")
        self.action = action


class BulkActionMissing(TaskyardError):
    """There is no bulk action of this id."""

    def __init__(self, action: UUID) -> None:
        super().__init__(f"there is no bulk action {action}")


class IllegalBulkMove(TaskyardError):
    """The bulk action is not in a status that the move may start from."""

    def __init__(self, verb: str, status: str) -> None:
        super().__init__(f"a bulk action that is {status} cannot be {verb}")
        self.verb, self.status = verb, status


class NotCompensable(TaskyardError):
    """Nothing is known that undoes a task of this type. `attr` is the path by which a submission named it."""

    def __init__(self, type_name: str, attr: str = "") -> None:
        self.attr = attr
        super().__init__(
            f"the type {type_name!r} declares nothing that undoes it, and the task's submission named nothing"
        )


class AlreadyCompensated(TaskyardError):
    """What the task did is undone by another one already."""

    def __init__(self, task: UUID) -> None:
        super().__init__(f"there is a task already that undoes task {task}")
        self.attr = ""


class TaskFailed(TaskyardError):
    """Raised by a handler to name its failure.

    `category` says what kind it was; `retryable` overrides what the category implies; `retry_after` is the least delay
    in seconds before the next attempt (a server's Retry-After, say); `details` is kept with the attempt as its result.
    """

    # For classes derived from this one that do not call its __init__.
    category: FailureCategory = FailureCategory.CODE_ERROR
    retryable: bool | None = None
    retry_after: float | None = None
    details: Any = None

    def __init__(
        self,
        message: str,
        *,
        category: FailureCategory = FailureCategory.CODE_ERROR,
        retryable: bool | None = None,
        retry_after: float | None = None,
        details: Any = None,
    ) -> None:
        super().__init__(message)
        self.category, self.retryable, self.retry_after, self.details = category, retryable, retry_after, details


class Interrupted(BaseException):
    """Stops a handler from outside. A BaseException, so that a handler's own `except Exception` does not swallow it."""


class TimeoutReached(Interrupted):
    """The task's timeout ran out."""


class MemoryReached(Interrupted):
    """The task took its process past WORKER_MEMORY_LIMIT."""


class DrainReached(Interrupted):
    """The worker is shutting down and hands the task back."""


class CancelRequested(Interrupted):
    """Somebody asked for the task to be cancelled."""
