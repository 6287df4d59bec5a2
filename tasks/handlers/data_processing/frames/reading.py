"""Opens sources as lazy frames."""

from functools import partial

import polars as pl

from tasks.handlers.data_processing.files import open_source
from tasks.handlers.data_processing.frames.casting import POLARS, SPELLED, cast
from tasks.handlers.data_processing.frames.failures import DoesNotFit, explain, require
from tasks.handlers.data_processing.frames.running import Query
from tasks.handlers.data_processing.sources import FileSource, InlineRows, Source

INFERRED_ROWS = 10_000  # what types are guessed from


def read(source: Source, query: Query) -> pl.LazyFrame:
    """Returns the rows of a source, with the types that it names. Raises what Polars raises, DoesNotFit, TaskFailed."""
    if isinstance(source, InlineRows):
        frame = _inline(source)
    else:
        frame = _scan(source, query.read(open_source(source.path), source.path))
    require(frame, source.dtypes)
    return query.gate(cast(frame, source.dtypes) if source.dtypes else frame)


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


def _scan(source: FileSource, path: str) -> pl.LazyFrame:
    if source.file_format == "csv":
        return _scan_csv(source, path)
    if source.file_format == "jsonl":
        return pl.scan_ndjson(path, infer_schema_length=INFERRED_ROWS)
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _scan_csv(source: FileSource, path: str) -> pl.LazyFrame:
    scan = partial(
        pl.scan_csv,
        path,
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
    # What has several spellings is read as text and cast afterwards, as from other sources.
    types = {
        was: pl.String() if source.dtypes[name] in SPELLED else POLARS[source.dtypes[name]]
        for was, name in zip(found, names, strict=True)
        if name in source.dtypes
    }
    frame = scan(schema_overrides=types)
    return frame.rename(dict(zip(found, names, strict=True))) if source.columns else frame
