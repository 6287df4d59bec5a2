"""Runs a query such that the signals which interrupt a task are heard, and the query ends with it."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn, Self

import polars as pl

from tasks.context import TaskContext
from tasks.handlers.data_processing.files import Identity, identity
from tasks.handlers.data_processing.frames.memory import await_room, excess, guard_what_is_left

if TYPE_CHECKING:
    from tasks.handlers.data_processing.frames.validating import Validation

POLL = 0.1  # seconds between looks at the query
REPORT = 1.0  # seconds between reports of progress
GRACE = 0.3  # seconds that an interrupted query gets to end before the task goes on without it
FIRST, LAST = 0.05, 0.9  # the fractions of a task's progress that its query takes


def path_of(descriptor: int) -> str:
    return f"/dev/fd/{descriptor}"


class _Stopped(Exception):
    """Raised inside the query, to end it."""


class Query:
    """One query and the files it reads. Use it as a context manager around planning and running.

    Polars holds the thread that runs a query until its end: the main thread would hear no signal. Its own background
    mode (2.1) goes on after `cancel()`, and aborts the process when the handle is dropped before the end. So the query
    runs in a thread of ours, and `gate` is how it is stopped.
    """

    def __init__(self) -> None:
        self.rows_in = self.rows_out = 0
        self.expected: float | None = None  # rows in, as far as that can be told before
        self.names: dict[str, str] = {}  # what Polars calls a file: what the payload calls it
        self.sources: list[Identity] = []
        self.validations: list[Validation] = []
        self._files = ExitStack()
        self._counting = threading.Lock()
        self._stopping = False
        self._started = False
        self._ended = threading.Event()
        # Released at the end. Waiting for Thread.join does not do: a signal's exception out of it makes Python (3.11)
        # take the thread for ended.
        self._running = threading.Lock()
        self._frame: pl.DataFrame | None = None
        self._error: BaseException | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping = True
        for validation in self.validations:
            validation.close()
        if not self._started:
            self._files.close()
        elif not self._ended.is_set() and not self._running.acquire(timeout=GRACE):
            guard_what_is_left(self._ended)  # a sort passes no gate: it is left to end, and closes the files then

    # --- Its files ----------------------------------------------------------------------------------------------------

    def read(self, descriptor: int, name: str) -> str:
        """Takes a source over and returns the path by which Polars opens it."""
        self.sources.append(identity(descriptor))
        return self._owned(descriptor, name)

    def write(self, descriptor: int, name: str) -> str:
        """Returns a path by which Polars writes to the file; the caller keeps its own descriptor."""
        return self._owned(os.dup(descriptor), name)

    def _owned(self, descriptor: int, name: str) -> str:
        # The query opens its paths when it gets to them: closed before its end, the number could be another file's.
        self._files.callback(os.close, descriptor)
        # By descriptor, so that what was checked is what is opened, and no * or [ in a name is taken for a pattern.
        path = path_of(descriptor)
        self.names[path] = name
        return path

    # --- Its end before its time --------------------------------------------------------------------------------------

    def check_wanted(self) -> None:
        """Ends the query from inside where nobody wants it any more. It costs next to nothing."""
        if self._stopping:
            raise _Stopped

    def go_on(self) -> None:
        """To be called inside the query for each batch: ends it also where the memory is used up."""
        self.check_wanted()
        failure = excess()
        if failure is not None:
            self.fail(failure)

    def fail(self, failure: BaseException) -> NoReturn:
        """Ends the query from inside with the task's failure."""
        self._failure = self._failure or failure
        self._stopping = True
        raise _Stopped

    def gate(self, frame: pl.LazyFrame, *, counts: str = "", keeps_filters_behind: bool = False) -> pl.LazyFrame:
        """Returns the same rows, which now pass a point where the query can be stopped; `counts` them as "in" or "out".

        It costs a call for some 100,000 rows, and Polars optimises through it, but for filters where told so. Where
        filters are moved before it, empty batches still pass.
        """

        def passing(rows: pl.DataFrame) -> pl.DataFrame:
            self.go_on()
            with self._counting:
                if counts == "in":
                    self.rows_in += rows.height
                elif counts == "out":
                    self.rows_out += rows.height
            return rows

        return frame.map_batches(
            passing,
            predicate_pushdown=not keeps_filters_behind,
            projection_pushdown=True,
            slice_pushdown=True,
            validate_output_schema=False,
            streamable=True,
        )

    # --- Its run ------------------------------------------------------------------------------------------------------

    def run(self, frame: pl.LazyFrame, ctx: TaskContext) -> pl.DataFrame:
        """Returns the rows; none where the query ends in a sink. Raises what Polars raises. Once for each Query."""
        await_room(ctx.check_cancelled)
        self._running.acquire()
        self._started = True
        threading.Thread(target=self._work, args=(frame,), name="data_processing", daemon=True).start()
        began = reported = time.monotonic()
        while not self._running.acquire(timeout=POLL):
            ctx.check_cancelled()
            failure = excess()  # a sort grows without passing a gate
            if failure is not None:
                raise failure
            if time.monotonic() - reported >= REPORT:
                reported = time.monotonic()
                ctx.progress(self._fraction(), self._state(reported - began))
        if self._failure is not None:
            raise self._failure
        if self._error is not None:
            raise self._error
        assert self._frame is not None
        return self._frame

    def _fraction(self) -> float:
        if not self.expected:
            return FIRST
        # Reading runs ahead of judging, and judging is what takes its time.
        stages = [self.rows_in, *(validation.seen for validation in self.validations)]
        done = sum(min(1.0, rows / self.expected) for rows in stages) / len(stages)
        return FIRST + (LAST - FIRST) * done

    def _state(self, seconds: float) -> str:
        about = f"{self.rows_in:,} of about {self.expected:,.0f} rows read, " if self.expected else ""
        about += "".join(f"{validation.seen:,} validated, " for validation in self.validations)
        return f"{about}{self.rows_out:,} rows after {seconds:.0f} s"

    def _work(self, frame: pl.LazyFrame) -> None:
        try:
            self._frame = frame.collect(engine="streaming")
        except BaseException as error:  # noqa: BLE001  (panics are; `run` raises it again)
            self._error = error
        finally:
            self._files.close()
            self._ended.set()
            self._running.release()
