"""Runs the operation `transform`: plans the query, and takes its rows to the sink or into the result."""

import json
import time
from typing import Any

import polars as pl
from django.conf import settings

from tasks.context import TaskContext
from tasks.exceptions import TaskFailed
from tasks.handlers.data_processing.files import NewFile
from tasks.handlers.data_processing.frames.failures import DoesNotFit, blaming
from tasks.handlers.data_processing.frames.planning import culprit, plan
from tasks.handlers.data_processing.frames.results import columns_of, rows_of
from tasks.handlers.data_processing.frames.running import Query
from tasks.handlers.data_processing.sources import FileSink
from tasks.handlers.data_processing.transform import Transform
from tasks.states import FailureCategory

_RESERVED = 1_024  # bytes of RESULT_LIMIT for what stands beside rows and columns


def run(ctx: TaskContext, payload: Transform) -> dict[str, Any]:
    """Returns the task's result. Raises TaskFailed where payload and data do not fit."""
    began = time.monotonic()
    ctx.progress(0.0, "planning")
    with Query() as query:
        frame = query.gate(plan(payload.source, payload.steps, query), counts=True)
        columns = columns_of(frame.collect_schema())
        ctx.progress(0.1, "running")
        if payload.sink is None:
            outcome = _returned(frame, payload, columns, query, ctx)
        else:
            outcome = _written(frame, payload, payload.sink, query, ctx)
        ctx.log.info("transformed", rows_out=outcome["rows_out"])
    milliseconds = round((time.monotonic() - began) * 1000)
    return {"columns": columns, **outcome, "duration_ms": milliseconds}


def _returned(
    frame: pl.LazyFrame, payload: Transform, columns: list[dict[str, str]], query: Query, ctx: TaskContext
) -> dict[str, Any]:
    with blaming(lambda error: culprit(payload.steps, error), query.names):
        found = query.run(frame.head(payload.limit + 1), ctx)  # one more tells whether there are more
    room = settings.RESULT_LIMIT - _RESERVED - len(json.dumps(columns))
    rows = rows_of(found, most_rows=payload.limit, most_bytes=room)
    return {"rows_out": len(rows), "rows": rows, "truncated": len(rows) < found.height}


def _written(frame: pl.LazyFrame, payload: Transform, sink: FileSink, query: Query, ctx: TaskContext) -> dict[str, Any]:
    draft, *leftovers = [f".taskyard-{ctx.task_id}-{attempt}.part" for attempt in range(ctx.attempt, 0, -1)]
    with NewFile(sink.path, draft=draft, leftovers=leftovers) as file:
        if file.replaces in query.sources:  # by another name: a link
            message = f"the sink {sink.path!r} is one of the sources"
            raise TaskFailed(message, category=FailureCategory.INVALID_PAYLOAD, retryable=False)
        with blaming("sink", query.names):
            writing = _to_sink(frame, sink, query.write(file.descriptor, sink.path))
        with blaming(lambda error: culprit(payload.steps, error), query.names):
            query.run(writing, ctx)
        ctx.progress(0.95, f"{query.rows_out:,} rows written")
        file.keep()
        return {"rows_out": query.rows_out, "path": sink.path, "bytes": file.size, "truncated": False}


def _to_sink(frame: pl.LazyFrame, sink: FileSink, path: str) -> pl.LazyFrame:
    if sink.file_format == "csv":
        nested = [name for name, dtype in frame.collect_schema().items() if dtype.is_nested()]
        if nested:
            raise DoesNotFit(f'CSV has no lists and objects, and the column "{nested[0]}" holds such')
        return frame.sink_csv(path, separator=sink.delimiter, check_extension=False, lazy=True)
    if sink.file_format == "jsonl":
        return frame.sink_ndjson(path, check_extension=False, lazy=True)
    return frame.sink_parquet(path, lazy=True)
