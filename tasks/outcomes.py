"""From what a handler returned or raised to the ending that is recorded. Pure: no clock, no rows."""

import uuid
from typing import Any

from django.conf import settings

from tasks.classifying import RulesInForce
from tasks.exceptions import CancelRequested, DrainReached, TaskFailed, UnknownType
from tasks.failures import MESSAGE_LIMIT, Failure, describe
from tasks.retry_policy import RetryPolicy
from tasks.states import FailureCategory, Outcome, TaskStatus
from tasks.storable import storable_json, storable_text
from tasks.transitions import Claimed, Ending

UNKNOWN_TYPE_DELAY, LONGEST_UNKNOWN_TYPE_DELAY = 5.0, 60.0  # seconds until another worker may know the type


class Attempt:
    """One claim in the hands of a process: what it needs to say how it ended."""

    __slots__ = ("claimed", "incarnation", "rules", "started", "worker")

    def __init__(
        self,
        claimed: Claimed,
        *,
        worker: str,
        incarnation: uuid.UUID,
        started: float,
        rules: RulesInForce | None = None,
    ) -> None:
        """`rules` are those of the process; what they say at the end of the attempt counts."""
        self.rules = rules
        self.claimed, self.worker, self.incarnation = claimed, worker, incarnation
        self.started = started  # monotonic seconds

    def completed(self, value: Any, *, at: float) -> Ending:
        """Returns the ending of a handler that returned; one whose value cannot be stored has failed."""
        try:
            result = storable_json(value, limit=settings.RESULT_LIMIT)
        except ValueError as error:
            reason = f"what the handler returned cannot be stored: {error} (RESULT_LIMIT)"
            return self.raised(TaskFailed(reason), at=at)
        return self._ending(TaskStatus.COMPLETED, Outcome.COMPLETED, at, result=result)

    def raised(self, error: BaseException, *, at: float) -> Ending:
        """Returns the ending of a handler that raised: retrying, failed, cancelled or handed back."""
        if isinstance(error, DrainReached):
            return self.released(at=at, why=str(error))
        if isinstance(error, CancelRequested):
            return self._ending(
                TaskStatus.CANCELLED, Outcome.CANCELLED, at, category=FailureCategory.CANCELLED, message=str(error)
            )
        if isinstance(error, UnknownType):
            return self._ending(
                TaskStatus.RETRYING,
                Outcome.RELEASED,
                at,
                delay=self._unknown_type_delay(),
                category=FailureCategory.UNKNOWN_TYPE,
                message=str(error),
            )
        failure = describe(error)
        return self._failed(failure if self.rules is None else self.rules.apply(self.claimed.type, failure), at)

    def released(self, *, at: float, why: str = "the worker is stopping") -> Ending:
        """Returns the ending of an attempt that is handed back and does not count."""
        return self._ending(TaskStatus.PENDING, Outcome.RELEASED, at, message=f"handed back: {why}")

    def _unknown_type_delay(self) -> float:
        """Doubles with each claim that did not count: in a rolling deploy the next worker may be an old one too."""
        handed_back = self.claimed.attempt - 1 - self.claimed.failures
        return min(LONGEST_UNKNOWN_TYPE_DELAY, UNKNOWN_TYPE_DELAY * 2.0 ** min(handed_back, 10))

    def _failed(self, failure: Failure, at: float) -> Ending:
        failures = self.claimed.failures + 1
        retries = failure.retryable and failures < self.claimed.max_attempts
        delay: float | None = 0.0
        if retries:
            delay = failure.delay
            if delay is None:
                delay = RetryPolicy.model_validate(self.claimed.retry).delay(failures)
            delay = max(delay, failure.retry_after or 0.0)
        details = None
        if failure.details is not None:
            try:
                details = storable_json(failure.details, limit=settings.RESULT_LIMIT)
            except ValueError:
                details = None  # the failure itself is what counts
        return self._ending(
            TaskStatus.RETRYING if retries else TaskStatus.FAILED,
            Outcome.FAILED,
            at,
            delay=delay,
            category=failure.category,
            error_class=failure.error_class,
            message=failure.message,
            traceback=failure.traceback,
            result=details,
        )

    def _ending(self, status: TaskStatus, outcome: Outcome, at: float, **rest: Any) -> Ending:
        if "message" in rest:
            rest["message"] = storable_text(rest["message"], MESSAGE_LIMIT)
        return Ending(
            id=self.claimed.id,
            attempt=self.claimed.attempt,
            type=self.claimed.type,
            queue=self.claimed.queue,
            worker=self.worker,
            incarnation=self.incarnation,
            status=status,
            outcome=outcome,
            started=self.started,
            ended=at,
            failures=self.claimed.failures + 1,
            **rest,
        )
