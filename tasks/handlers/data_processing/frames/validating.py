"""The step `validate`: good rows pass, and the others are kept aside with what is wrong with them."""

import os
import tempfile
import threading
from itertools import islice
from operator import itemgetter
from typing import Any

import polars as pl
from django.conf import settings

from tasks.exceptions import TaskFailed
from tasks.handlers.data_processing.frames.failures import DoesNotFit
from tasks.handlers.data_processing.frames.patterns import matches
from tasks.handlers.data_processing.frames.results import json_value
from tasks.handlers.data_processing.frames.running import Query
from tasks.handlers.data_processing.frames.shortcuts import certainly_valid
from tasks.handlers.data_processing.schemas import Judge
from tasks.handlers.data_processing.steps import REJECT_REASONS, REJECT_ROW, Validate
from tasks.states import FailureCategory

SAMPLES = 5
HELD = 32 * 1024 * 1024  # bytes of rejects in memory before they go to a file

_CERTAIN = "\x00certain"


class Validation:
    """One step's rows: counted, judged, and its rejects kept until the query is over."""

    def __init__(self, step: Validate, name: str, query: Query) -> None:
        self.step, self.name = step, name
        self.rows = self.rejected = 0
        self.seen = 0  # the same as rows, but told sooner: for progress
        self.samples: list[dict[str, Any]] = []
        self._query = query
        self._lock = threading.Lock()
        self._held: list[pl.DataFrame] = []
        self._parts: list[int] = []  # descriptors
        self._closed = False

    def watch(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Returns the frame's valid rows. Raises DoesNotFit where the step does not fit its columns."""
        self._columns = dict(frame.collect_schema())
        for name in (REJECT_ROW, REJECT_REASONS, _CERTAIN):
            if name in self._columns:
                raise DoesNotFit(f'the column "{name}" has the name of one that rejects get: rename it before')
        if self.step.rejects is not None and self.step.rejects.file_format == "csv":
            nested = [name for name, dtype in self._columns.items() if dtype.is_nested()]
            if nested:
                raise DoesNotFit(f'CSV has no lists and objects, and the column "{nested[0]}" of rejects holds such')
        absent = self.step.nulls == "absent"
        certain = certainly_valid(self.step.json_schema, self._columns, nulls_are_absent=absent).alias(_CERTAIN)
        numbered = frame.with_columns(certain).with_row_index(REJECT_ROW, offset=1)
        return numbered.map_batches(self._pass, schema=self._columns, validate_output_schema=False, streamable=True)

    def _pass(self, rows: pl.DataFrame) -> pl.DataFrame:
        self._query.go_on()
        certain = rows.get_column(_CERTAIN)
        doubtful = rows.filter(~certain)
        with self._lock:
            self.seen += rows.height - doubtful.height
        reasons = self._judged(doubtful.drop(_CERTAIN)) if doubtful.height else {}
        with self._lock:
            self.rows += rows.height
            if reasons and not self._closed:
                self._keep(doubtful.drop(_CERTAIN), reasons)
        good = rows.filter(~pl.col(REJECT_ROW).is_in(list(reasons))) if reasons else rows
        return good.drop(REJECT_ROW, _CERTAIN)

    def _judged(self, rows: pl.DataFrame) -> dict[int, str]:
        judge = Judge(self.step.json_schema, matches=matches, tick=self._query.check_wanted)
        found = {}
        for row in rows.iter_rows(named=True):
            number = row.pop(REJECT_ROW)
            value = json_value(row)
            try:
                reasons = judge.reasons(_without_nulls(value) if self.step.nulls == "absent" else value)
            except RecursionError:
                self._query.fail(_failure(f"{self.name}: the schema refers to itself without end"))
            if reasons:
                found[number] = "; ".join(reasons)
            self.seen += 1  # a lost one among threads does not matter
        return found

    def _keep(self, rows: pl.DataFrame, reasons: dict[int, str]) -> None:
        self.rejected += len(reasons)
        found = [{"row": number, "reasons": reason} for number, reason in islice(reasons.items(), SAMPLES)]
        self.samples = sorted([*self.samples, *found], key=itemgetter("row"))[:SAMPLES]
        most = self.step.most_rejects
        if most is not None and self.rejected > most:
            self._query.fail(self._too_many(f"more than {most:,} rejects (max_rejects)"))
        if self.step.rejects is None:
            return
        numbers = pl.DataFrame(
            {REJECT_ROW: list(reasons), REJECT_REASONS: list(reasons.values())},
            schema={REJECT_ROW: rows.schema[REJECT_ROW], REJECT_REASONS: pl.String},
        )
        self._held.append(rows.join(numbers, on=REJECT_ROW, how="inner"))
        if sum(frame.estimated_size() for frame in self._held) > HELD:
            self._put_aside()

    def _put_aside(self) -> None:
        # Without a name: it is gone with the process, however that ends.
        with tempfile.TemporaryFile(dir=settings.DATA_ROOT) as file:
            pl.concat(self._held).write_parquet(file)
            file.flush()
            self._parts.append(os.dup(file.fileno()))
        self._held.clear()

    def rejects(self, query: Query) -> pl.LazyFrame:
        """Returns the refused rows, each with its number and reasons, for another query once this one is over."""
        columns = {REJECT_ROW: pl.get_index_type(), **self._columns, REJECT_REASONS: pl.String()}
        held = pl.concat(self._held).sort(REJECT_ROW) if self._held else pl.DataFrame(schema=columns)
        parts = [pl.scan_parquet(query.read(os.dup(part), "the rejects"), glob=False) for part in self._parts]
        return query.gate(pl.concat([*parts, held.lazy()]).select(list(columns)), counts="out")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while self._parts:
                os.close(self._parts.pop())

    def check_share(self) -> None:
        """Raises TaskFailed where too large a share of all rows was refused."""
        most = self.step.max_reject_share
        if most is not None and self.rejected > most * self.rows:
            raise self._too_many(f"more than {most:.4%} (max_reject_share)")

    def outcome(self) -> dict[str, Any]:
        """Returns what the task's result says of the step."""
        counts = {"step": self.name, "rows": self.rows, "valid": self.rows - self.rejected, "rejected": self.rejected}
        path = {"path": self.step.rejects.path} if self.step.rejects is not None else {}
        return {**counts, **path, "samples": self.samples}

    def _too_many(self, limit: str) -> TaskFailed:
        first = self.samples[0]
        return _failure(
            f"{self.name}: {self.rejected:,} of {self.rows:,} rows so far are refused, {limit}; "
            f"row {first['row']:,}: {first['reasons']}",
            details={"validation": [self.outcome()]},
        )


def _failure(message: str, details: Any = None) -> TaskFailed:
    return TaskFailed(message, category=FailureCategory.INVALID_PAYLOAD, retryable=False, details=details)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value]
    return value
