"""Runs the operation `transform`: plans the query, and takes its rows to the sink or into the result."""

import json
import time
from contextlib import ExitStack
from typing import Any

import polars as pl
from django.conf import settings

from tasks.context import TaskContext
from tasks.exceptions import TaskFailed
from tasks.handlers.data_processing.files import NewFile
from tasks.handlers.data_processing.frames.failures import DoesNotFit, blaming, is_full
from tasks.handlers.data_processing.frames.planning import culprit, first, plan
from tasks.handlers.data_processing.frames.results import columns_of, rows_of
from tasks.handlers.data_processing.frames.running import FIRST, LAST, Query
from tasks.handlers.data_processing.frames.validating import Validation
from tasks.handlers.data_processing.sources import FileSink
from tasks.handlers.data_processing.transform import Transform
from tasks.states import FailureCategory

_RESERVED = 1_024  # bytes of RESULT_LIMIT for what stands beside rows and columns


def run(ctx: TaskContext, payload: Transform) -> dict[str, Any]:
    """Returns the task's result. Raises TaskFailed where payload and data do not fit."""
    began = time.monotonic()
    ctx.progress(0.0, "planning")
    with ExitStack() as files, Query() as query:
        frame = query.gate(plan(payload.source, payload.steps, query, payload.batch), counts="out")
        columns = columns_of(frame.collect_schema())
        ctx.progress(FIRST, "running")
        rejects = {
            validation: _new_file(validation.step.rejects, ctx, query, files, number)
            for number, validation in enumerate(query.validations)
            if validation.step.rejects is not None
        }
        if payload.sink is None:
            outcome = _returned(frame, payload, columns, query, ctx)
        else:
            file = _new_file(payload.sink, ctx, query, files)
            outcome = _written(frame, payload, payload.sink, file, query, ctx)
        for validation in query.validations:
            validation.check_share()
        for validation, beside in rejects.items():
            _write_rejects(validation, beside, ctx)
        ctx.progress(0.98, f"{query.rows_out:,} rows")
        for beside in rejects.values():
            beside.keep()
        if payload.sink is not None:
            file.keep()
        ctx.log.info("transformed", rows_out=outcome["rows_out"])
        if query.validations:
            outcome["validation"] = [validation.outcome() for validation in query.validations]
    milliseconds = round((time.monotonic() - began) * 1000)
    return {"columns": columns, **outcome, "duration_ms": milliseconds}


def _new_file(sink: FileSink, ctx: TaskContext, query: Query, files: ExitStack, number: int | None = None) -> NewFile:
    ending = ".part" if number is None else f"-rejects{number}.part"
    draft, *leftovers = [f".taskyard-{ctx.task_id}-{attempt}{ending}" for attempt in range(ctx.attempt, 0, -1)]
    file = files.enter_context(NewFile(sink.path, draft=draft, leftovers=leftovers))
    if file.replaces in query.sources:  # by another name: a link
        role = "sink" if number is None else "file of rejects"
        message = f"the {role} {sink.path!r} is one of the sources"
        raise TaskFailed(message, category=FailureCategory.INVALID_PAYLOAD, retryable=False)
    return file


def _returned(
    frame: pl.LazyFrame, payload: Transform, columns: list[dict[str, str]], query: Query, ctx: TaskContext
) -> dict[str, Any]:
    with blaming(lambda error: culprit(payload.source, payload.steps, error), query.names):
        found = query.run(first(payload.limit + 1, frame, query), ctx)  # one more tells whether there are more
    room = settings.RESULT_LIMIT - _RESERVED - len(json.dumps(columns))
    rows = rows_of(found, most_rows=payload.limit, most_bytes=room)
    return {"rows_out": len(rows), "rows": rows, "truncated": len(rows) < found.height}


def _written(
    frame: pl.LazyFrame, payload: Transform, sink: FileSink, file: NewFile, query: Query, ctx: TaskContext
) -> dict[str, Any]:
    with blaming("sink", query.names):
        writing = _to_sink(frame, sink, query.write(file.descriptor, sink.path))

    def blamed(error: BaseException) -> str:
        return f"sink ({sink.path})" if is_full(error) else culprit(payload.source, payload.steps, error)

    with blaming(blamed, query.names):
        query.run(writing, ctx)
    return {"rows_out": query.rows_out, "path": sink.path, "bytes": file.size, "truncated": False}


def _write_rejects(validation: Validation, file: NewFile, ctx: TaskContext) -> None:
    sink = validation.step.rejects
    assert sink is not None
    ctx.progress(LAST, f"writing {validation.rejected:,} rejects")
    with Query() as query, blaming(f"{validation.name}.rejects", query.names):
        query.run(_to_sink(validation.rejects(query), sink, query.write(file.descriptor, sink.path)), ctx)


def _to_sink(frame: pl.LazyFrame, sink: FileSink, path: str) -> pl.LazyFrame:
    if sink.file_format == "csv":
        nested = [name for name, dtype in frame.collect_schema().items() if dtype.is_nested()]
        if nested:
            raise DoesNotFit(f'CSV has no lists and objects, and the column "{nested[0]}" holds such')
        return frame.sink_csv(path, separator=sink.delimiter, check_extension=False, lazy=True)
    if sink.file_format == "jsonl":
        return frame.sink_ndjson(path, check_extension=False, lazy=True)
    return frame.sink_parquet(path, lazy=True)
