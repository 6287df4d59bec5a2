"""Opens sources as lazy frames."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import polars as pl
import polars.selectors as cs

from tasks.handlers.data_processing.files import open_source
from tasks.handlers.data_processing.frames.casting import POLARS, SPELLED, cast
from tasks.handlers.data_processing.frames.failures import DoesNotFit, explain, require
from tasks.handlers.data_processing.frames.running import Query, path_of
from tasks.handlers.data_processing.inspection import NotReadable, check_header, check_text, check_width, mean_line
from tasks.handlers.data_processing.partitions import Batch
from tasks.handlers.data_processing.sources import FileSource, InlineRows, Source

INFERRED_ROWS = 10_000  # what types are guessed from


def read(source: Source, query: Query, *, batch: Batch | None = None, is_main: bool = False) -> pl.LazyFrame:
    """Returns the rows of a source, with the types that it names. Raises what Polars raises, DoesNotFit, TaskFailed.

    The rows of the main source are what the query's progress is told by.
    """
    if isinstance(source, InlineRows):
        frame = _inline(source)
        expected = float(len(source.rows))
    else:
        descriptors = []
        for path in source.paths:
            descriptors.append(open_source(path))
            query.read(descriptors[-1], path)
        if batch is not None and version(descriptors[0]) != batch.version:
            raise DoesNotFit(f"{source.path!r} has changed since it was split into batches")
        frame, expected = _scan(source, descriptors)
    require(frame, source.dtypes)
    if is_main:
        query.expected = expected if batch is None or batch.rows is None else float(batch.rows)
    # Filters are not moved into text: all of its lines are parsed anyway, and so they are counted.
    is_text = isinstance(source, FileSource) and source.file_format != "parquet"
    gated = query.gate(frame, counts="in" if is_main else "", keeps_filters_behind=is_main and is_text)
    if batch is not None:
        gated = _only(batch, gated)
    return cast(gated, source.dtypes) if source.dtypes else gated


def version(descriptor: int) -> str:
    """Returns what changes when the file does."""
    status = os.fstat(descriptor)
    return f"{status.st_size}-{status.st_mtime_ns}"


def _only(batch: Batch, frame: pl.LazyFrame) -> pl.LazyFrame:
    if batch.by is None:
        assert batch.offset is not None  # its model says so
        return frame.slice(batch.offset, batch.rows)
    return frame.filter(cs.by_name(batch.by).as_expr().cast(pl.String).eq_missing(pl.lit(batch.value, pl.String)))


def _inline(source: InlineRows) -> pl.LazyFrame:
    if not any(source.rows):
        return pl.LazyFrame(schema={name: POLARS[kind] for name, kind in source.dtypes.items()})
    try:
        frame = pl.DataFrame(source.rows, infer_schema_length=None)
    except TypeError as error:
        raise DoesNotFit(explain(error)) from error
    for name, nulls in frame.null_count().row(0, named=True).items():
        if nulls != sum(row.get(name) is None for row in source.rows):  # Polars makes null of 3 among objects
            raise DoesNotFit(f'the values of the column "{name}" have types that do not go together')
    return frame.lazy()


def _scan(source: FileSource, descriptors: list[int]) -> tuple[pl.LazyFrame, float]:
    """Returns the rows, and how many they may be."""
    paths = [path_of(descriptor) for descriptor in descriptors]
    if source.file_format == "parquet":
        frame = pl.scan_parquet(paths, glob=False, hive_partitioning=False)
        return frame, float(frame.select(pl.len()).collect().item())
    for name, descriptor in zip(source.paths, descriptors, strict=True):
        with _naming(name):
            check_text(descriptor, is_csv=source.file_format == "csv")
    expected = sum(os.fstat(descriptor).st_size / mean_line(descriptor) for descriptor in descriptors)
    if source.file_format == "csv":
        return _scan_csv(source, paths, descriptors), expected
    named = {name: pl.String() if kind in SPELLED else POLARS[kind] for name, kind in source.dtypes.items()}
    frame = pl.scan_ndjson(paths, infer_schema_length=INFERRED_ROWS)
    found = dict(frame.collect_schema())
    if not named.keys() <= found.keys():  # columns that appear late
        frame = pl.scan_ndjson(paths, schema={**named, **found})
    return frame, expected


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except NotReadable as error:
        raise DoesNotFit(f"{path!r}: {error}") from None


def _scan_csv(source: FileSource, paths: list[str], descriptors: list[int]) -> pl.LazyFrame:
    scan = partial(
        pl.scan_csv,
        paths,
        separator=source.delimiter,
        has_header=source.has_header,
        null_values=source.null_values or None,
        infer_schema_length=INFERRED_ROWS,
        glob=False,
    )
    found = scan().collect_schema().names()
    names = source.columns or found
    if len(names) != len(found):
        raise DoesNotFit(f"columns has {len(names)} names, and the file has {len(found)} columns")
    for path, name, descriptor in zip(paths, source.paths, descriptors, strict=True):
        with _naming(name):
            if source.has_header and source.columns is None:
                check_header(path, source.delimiter)
            if source.short_rows == "refuse":
                check_width(descriptor, path, source.delimiter, len(found))
    # What has several spellings is read as text and cast afterwards, as from other sources.
    types = {
        was: pl.String() if source.dtypes[name] in SPELLED else POLARS[source.dtypes[name]]
        for was, name in zip(found, names, strict=True)
        if name in source.dtypes
    }
    frame = scan(schema_overrides=types)
    return frame.rename(dict(zip(found, names, strict=True))) if source.columns else frame
