"""When a failed task may try again. Pure rules; the clock and the rows are elsewhere."""

import random
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator

DEFAULT_MAX_ATTEMPTS = 3
LONGEST_DELAY = 7 * 86_400.0


class Backoff(StrEnum):
    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    FIXED = "fixed"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PlannedAttempt:
    """An attempt that comes if those before it fail. Waits are in seconds after the failure before it."""

    number: int
    shortest_wait: float
    longest_wait: float


class RetryPolicy(BaseModel):
    """How long to wait after each failure, in seconds.

    With `jitter` the wait is drawn evenly from 0 to the computed delay ("full jitter": AWS Architecture Blog,
    Exponential Backoff and Jitter), so that tasks that failed together do not come back together.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Backoff = Field(default=Backoff.EXPONENTIAL, strict=False)
    base: float = Field(default=1.0, ge=0, le=LONGEST_DELAY, allow_inf_nan=False)
    factor: float = Field(default=2.0, ge=1, le=100, allow_inf_nan=False)
    max: float = Field(default=600.0, ge=0, le=LONGEST_DELAY, allow_inf_nan=False)
    jitter: bool = True

    @model_validator(mode="after")
    def _max_is_not_under_base(self) -> "RetryPolicy":
        if self.max < self.base:
            raise ValueError("max is smaller than base")
        return self

    def ceiling(self, failures: int) -> float:
        """Returns the longest wait after the given number of failures (1 for the first)."""
        if self.kind is Backoff.NONE:
            return 0.0
        if self.kind is Backoff.FIXED:
            return min(self.max, self.base)
        if self.kind is Backoff.LINEAR:
            return min(self.max, self.base * failures)
        try:
            return min(self.max, self.base * self.factor ** (failures - 1))
        except OverflowError:
            return self.max if self.base else 0.0

    def delay(self, failures: int, *, draw: float | None = None) -> float:
        """Returns the wait in seconds; `draw` (0 to 1) replaces the random number of the jitter."""
        ceiling = self.ceiling(failures)
        if not self.jitter or self.kind is Backoff.NONE:
            return ceiling
        return ceiling * (random.random() if draw is None else draw)

    def timetable(self, max_attempts: int) -> list[float]:
        """Returns the longest wait before each attempt after the first, in order."""
        return [self.ceiling(failures) for failures in range(1, max_attempts)]

    def planned(self, *, attempt: int, failures: int, max_attempts: int) -> list[PlannedAttempt]:
        """Returns the attempts that are left after the one numbered `attempt`, should that one and the next fail.

        `failures` counts that one in; numbers may run ahead of it, because lost attempts use up no budget.
        """
        return [
            PlannedAttempt(
                number=attempt + done - failures + 1,
                shortest_wait=0.0 if self.jitter else self.ceiling(done),
                longest_wait=self.ceiling(done),
            )
            for done in range(failures, max_attempts)
        ]
