"""Splits a transformation into batches, and submits a task for each of them."""

from typing import Any

import polars as pl
import polars.selectors as cs
from django.conf import settings

from tasks.context import TaskContext
from tasks.exceptions import IdempotencyConflict, TaskFailed
from tasks.handlers.data_processing.files import open_source, stray_parts
from tasks.handlers.data_processing.frames.failures import DoesNotFit, blaming, require
from tasks.handlers.data_processing.frames.reading import read, version
from tasks.handlers.data_processing.frames.running import Query
from tasks.handlers.data_processing.partitions import MOST_BATCHES, as_part
from tasks.handlers.data_processing.sources import FileSink, FileSource
from tasks.handlers.data_processing.transform import Batches, Transform
from tasks.services import submit_tasks
from tasks.states import FailureCategory

_WHOLE = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)
_SPLITS_BY = (*_WHOLE, pl.String, pl.Boolean, pl.Date)


def split(ctx: TaskContext, payload: Transform) -> dict[str, Any]:
    """Returns the ids of the batches' tasks. However often it is attempted, each batch has one task."""
    assert payload.batches is not None
    assert payload.sink is not None
    assert isinstance(payload.source, FileSource)  # the payload was validated by its model
    ctx.progress(0.0, "splitting")
    with Query() as query, blaming("batches", query.names):
        descriptor = open_source(payload.source.path)
        query.read(descriptor, payload.source.path)
        marked = version(descriptor)
        batches = _batches(payload.source, payload.batches, query, ctx)
    most = min(MOST_BATCHES, settings.BULK_LIMIT)
    if len(batches) > most:
        raise _failure(f"batches: there would be more than {most:,}: take more rows, or a column of fewer values")
    _check_folders(payload, len(batches))
    ctx.progress(0.9, f"{len(batches):,} batches")
    parent = ctx.idempotency_key
    tasks: list[dict[str, Any]] = [
        {
            "type": ctx.type,
            "name": f"batch {number + 1} of {len(batches)}",
            "payload": _payload_of(payload, {"number": number, "of": len(batches), **batch, "version": marked}),
            "tags": [f"batches:{parent}"],
            "idempotency_key": f"{parent}:batch:{number}",
        }
        for number, batch in enumerate(batches)
    ]
    if payload.batches.merge is not None:
        tasks.append(
            {
                "type": ctx.type,
                "name": f"merge of {len(batches)}",
                "payload": {
                    "source": _parts(payload.sink, len(batches)),
                    "sink": payload.batches.merge.model_dump(mode="json", exclude_unset=True),
                },
                "tags": [f"batches:{parent}"],
                "idempotency_key": f"{parent}:merge",
                "depends_on": list(range(len(batches))),
            }
        )
    try:
        submitted = submit_tasks(tasks)
    except IdempotencyConflict as error:
        raise _failure(
            f"batches: {payload.source.path!r} has changed since an earlier attempt submitted its batches: "
            "submit a new task"
        ) from error
    ctx.log.info("split", batches=len(batches), new=sum(each.created for each in submitted))
    ids = [str(each.id) for each in submitted]
    return {
        "batches": len(batches),
        "children": ids[: len(batches)],
        **({"merge": ids[-1]} if payload.batches.merge is not None else {}),
        # What a task needs as its source to read all of them.
        "parts": _parts(payload.sink, len(batches)),
    }


def _parts(folder: FileSink, count: int) -> dict[str, Any]:
    return {"path": folder.path, "format": folder.file_format, "parts": count}


def _batches(source: FileSource, wanted: Batches, query: Query, ctx: TaskContext) -> list[dict[str, Any]]:
    frame = read(source, query, is_main=True)
    if wanted.by is None:
        assert wanted.rows is not None
        count = int(query.run(frame.select(pl.len()), ctx).item())
        return [{"offset": offset, "rows": wanted.rows} for offset in range(0, max(1, count), wanted.rows)]
    require(frame, [wanted.by])
    dtype = frame.collect_schema()[wanted.by]
    if not isinstance(dtype, _SPLITS_BY):
        raise DoesNotFit(
            f'the column "{wanted.by}" is of the type {dtype}: batches are made by text, whole numbers, '
            "dates or booleans"
        )
    value = cs.by_name(wanted.by).as_expr()
    # The order is that of the values; each is told as text, because JSON would not keep its type.
    distinct = frame.select(value).unique().head(MOST_BATCHES + 1)
    found = query.run(distinct, ctx).sort(value, nulls_last=True)
    return [{"by": wanted.by, "value": each} for each in found.to_series().cast(pl.String)] or [
        {"by": wanted.by, "value": None}
    ]


def _payload_of(payload: Transform, batch: dict[str, Any]) -> dict[str, Any]:
    child = payload.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"batches"})
    for place, file in payload.written():
        owner: Any = child
        for key in place[:-1]:
            owner = owner[key]
        owner[place[-1]] = as_part(owner[place[-1]], batch["number"], file.file_format)
    return {**child, "batch": batch}


def _check_folders(payload: Transform, count: int) -> None:
    for _, file in payload.written():
        stray = stray_parts(file.path, count)
        if stray:
            raise _failure(f"batches: {file.path!r} holds {stray} of an earlier run: name another folder, or remove it")


def _failure(message: str) -> TaskFailed:
    return TaskFailed(message, category=FailureCategory.INVALID_PAYLOAD, retryable=False)
