"""Runs a query such that the signals which interrupt a task are heard, and the query ends with it."""

import os
import threading
import time
from contextlib import ExitStack
from typing import Self

import polars as pl

from tasks.context import TaskContext
from tasks.handlers.data_processing.files import Identity, identity

POLL = 0.1  # seconds between looks at the query
REPORT = 1.0  # seconds between reports of progress
GRACE = 0.3  # seconds that an interrupted query gets to end before the task goes on without it


class _Stopped(Exception):
    """Raised inside the query, to end it."""


class Query:
    """One query and the files it reads. Use it as a context manager around planning and running.

    Polars holds the thread that runs a query until its end: the main thread would hear no signal. Its own background
    mode (2.1) goes on after `cancel()`, and aborts the process when the handle is dropped before the end. So the query
    runs in a thread of ours, and `gate` is how it is stopped.
    """

    def __init__(self) -> None:
        self.rows_out = 0
        self.names: dict[str, str] = {}  # what Polars calls a file: what the payload calls it
        self.sources: list[Identity] = []
        self._files = ExitStack()
        self._counting = threading.Lock()
        self._stopping = False
        self._started = self._ended = False
        # Released at the end. Waiting for Thread.join does not do: a signal's exception out of it makes Python (3.11)
        # take the thread for ended.
        self._running = threading.Lock()
        self._frame: pl.DataFrame | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping = True
        if not self._started:
            self._files.close()
        elif not self._ended:
            self._running.acquire(timeout=GRACE)  # a sort passes no gate: it is left to end, and closes the files then

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
        path = f"/dev/fd/{descriptor}"
        self.names[path] = name
        return path

    def gate(self, frame: pl.LazyFrame, *, counts: bool = False, keeps_filters_behind: bool = False) -> pl.LazyFrame:
        """Returns the same rows, which now pass a point where the query can be stopped; `counts` them as rows out.

        It costs a call for some 100,000 rows, and Polars optimises through it, but for filters where told so. Where
        filters are moved before it, empty batches still pass.
        """

        def passing(rows: pl.DataFrame) -> pl.DataFrame:
            if self._stopping:
                raise _Stopped
            if counts:
                with self._counting:
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

    def run(self, frame: pl.LazyFrame, ctx: TaskContext) -> pl.DataFrame:
        """Returns the rows; none where the query ends in a sink. Raises what Polars raises. Once for each Query."""
        self._running.acquire()
        self._started = True
        threading.Thread(target=self._work, args=(frame,), name="data_processing", daemon=True).start()
        began = reported = time.monotonic()
        while not self._running.acquire(timeout=POLL):
            ctx.check_cancelled()
            if time.monotonic() - reported >= REPORT:
                reported = time.monotonic()
                ctx.progress(0.5, f"{self.rows_out:,} rows after {reported - began:.0f} s")
        if self._error is not None:
            raise self._error
        assert self._frame is not None
        return self._frame

    def _work(self, frame: pl.LazyFrame) -> None:
        try:
            self._frame = frame.collect(engine="streaming")
        except BaseException as error:  # noqa: BLE001  (panics are; `run` raises it again)
            self._error = error
        finally:
            self._files.close()
            self._ended = True
            self._running.release()
