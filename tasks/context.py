"""What a handler gets as `ctx`. It holds no connection: what it says is buffered and written by the keeper."""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from tasks.exceptions import CancelRequested
from tasks.storable import storable_text

LEVELS = ("debug", "info", "warning", "error")


class TaskLogger:
    """`ctx.log.info("fetched", rows=12)`: a line beside the task, with fields that JSON can hold."""

    def __init__(self, write: Callable[[str, str, dict[str, Any]], None]) -> None:
        self._write = write

    def debug(self, message: str, /, **fields: Any) -> None:
        self._write("debug", message, fields)

    def info(self, message: str, /, **fields: Any) -> None:
        self._write("info", message, fields)

    def warning(self, message: str, /, **fields: Any) -> None:
        self._write("warning", message, fields)

    def error(self, message: str, /, **fields: Any) -> None:
        self._write("error", message, fields)


class TaskContext:
    """One attempt's link to the engine."""

    def __init__(
        self,
        *,
        task_id: UUID,
        type: str,
        attempt: int,
        timeout: float,
        write_log: Callable[[str, str, dict[str, Any]], None] = lambda level, message, fields: None,
        write_progress: Callable[[float, str], None] = lambda fraction, text: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.task_id, self.type, self.attempt, self.timeout = task_id, type, attempt, timeout
        self.log = TaskLogger(write_log)
        self._write_progress, self._is_cancelled = write_progress, is_cancelled
        self._deadline = time.monotonic() + timeout

    @property
    def idempotency_key(self) -> str:
        """The same in every attempt of the task: hand it to systems that drop repeats."""
        return str(self.task_id)

    @property
    def remaining(self) -> float:
        """Seconds until the timeout interrupts the handler."""
        return max(0.0, self._deadline - time.monotonic())

    def progress(self, fraction: float, text: str = "") -> None:
        """Shows how far the task is: 0 to 1 (values outside are clipped) and a few words."""
        self.check_cancelled()
        clipped = min(1.0, max(0.0, float(fraction)))  # NaN clips to 0: every comparison with it is false
        self._write_progress(clipped, storable_text(str(text), 200))

    def check_cancelled(self) -> None:
        """Raises CancelRequested where somebody asked for the task to be cancelled."""
        if self._is_cancelled():
            raise CancelRequested("cancelled on request")
