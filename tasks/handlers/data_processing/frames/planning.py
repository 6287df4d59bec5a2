"""From the payload's source and steps to one lazy query. Nothing is read but what types need."""

import re
from collections.abc import Iterable
from functools import singledispatch

import polars as pl
import polars.selectors as cs

from tasks.handlers.data_processing import steps
from tasks.handlers.data_processing.frames.casting import cast
from tasks.handlers.data_processing.frames.failures import blaming, require
from tasks.handlers.data_processing.frames.parsing import parse
from tasks.handlers.data_processing.frames.reading import read
from tasks.handlers.data_processing.frames.running import Query
from tasks.handlers.data_processing.frames.validating import Validation
from tasks.handlers.data_processing.partitions import Batch
from tasks.handlers.data_processing.sources import FileSource, Source

_OF_READING = re.compile(
    r"parquet: |could not parse `|invalid utf-8|more fields than defined|JSON|CSV malformed|JoinError::Panic"
)
_NUMBER = "\x00number"


def plan(source: Source, sequence: list[steps.Step], query: Query, batch: Batch | None = None) -> pl.LazyFrame:
    """Returns the rows after the steps. Raises TaskFailed that names the step which does not fit."""
    with blaming(_name_of(source), query.names):
        frame = read(source, query, batch=batch, is_main=True)
    for index, step in enumerate(sequence):
        with blaming(f"steps[{index}] ({step.op})", query.names):
            if isinstance(step, steps.Validate):
                validation = Validation(step, f"steps[{index}] (validate)", query)
                query.validations.append(validation)
                frame = validation.watch(frame)
            else:
                frame = apply(step, frame, query)
            frame.collect_schema()  # cheap, and the complaint comes while we know whose it is
    return frame


def _name_of(source: Source) -> str:
    return f"source ({source.path})" if isinstance(source, FileSource) else "source"


def culprit(source: Source, sequence: list[steps.Step], error: BaseException) -> str:
    """Returns what to blame for an error that came while the query ran, or "" where that is not certain.

    By then the steps are one query, but Polars' message often quotes the expression or names the column.
    """
    quoted = re.search(r"in the following expression:\s*(\S.*)", str(error))
    named = re.search(r"in column '(.*?)' for \d+ out of", str(error))
    suspects = [
        f"steps[{index}] ({step.op})"
        for index, step in enumerate(sequence)
        if (quoted and any(quoted[1] in str(parse(text)) for text in _expressions(step)))
        or (named and isinstance(step, steps.Cast) and named[1] in step.columns)
    ]
    if not suspects and _OF_READING.search(str(error)) and not any(isinstance(step, steps.Join) for step in sequence):
        return _name_of(source)
    return suspects[0] if len(suspects) == 1 else ""


def _expressions(step: steps.Step) -> Iterable[str]:
    match step:
        case steps.Filter():
            return [step.where]
        case steps.Derive():
            return step.columns.values()
        case steps.Aggregate():
            return step.metrics.values()
        case _:
            return []


@singledispatch
def apply(step: steps.Step, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    """Returns the frame after the step."""
    raise NotImplementedError(type(step))


@apply.register
def _(step: steps.Filter, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    return frame.filter(parse(step.where))


@apply.register
def _(step: steps.Derive, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    return frame.with_columns(_named(step.columns))


@apply.register
def _(step: steps.Select, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    require(frame, step.columns)
    return frame.select(cs.by_name(step.columns))


@apply.register
def _(step: steps.Rename, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    require(frame, step.columns)
    return frame.rename(step.columns)


@apply.register
def _(step: steps.Cast, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    require(frame, step.columns)
    return cast(frame, step.columns, strict=step.strict, format=step.format)


@apply.register
def _(step: steps.Aggregate, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    require(frame, step.by)
    if not step.by:
        return frame.select(_named(step.metrics))
    return frame.group_by(cs.by_name(step.by), maintain_order=True).agg(_named(step.metrics))


@apply.register
def _(step: steps.Sort, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    require(frame, step.by)
    keys = [cs.by_name(name) for name in step.by]
    return frame.sort(keys, descending=step.descending, nulls_last=step.nulls_last, maintain_order=True)


@apply.register
def _(step: steps.Join, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    other = read(step.other, query)
    left, right = step.keys
    require(frame, left, side="the left side")
    require(other, right, side="the right side")
    if step.how == "cross":
        joined = frame.join(other, how="cross", suffix=step.suffix, maintain_order="left")
    else:
        joined = frame.join(
            other,
            left_on=[cs.by_name(name) for name in left],
            right_on=[cs.by_name(name) for name in right],
            how=step.how,
            suffix=step.suffix,
            # One key column and not two, as SQL's USING has it.
            coalesce=True if step.how in ("inner", "left", "full") else None,
            # Besides the order this fixes the side that is held in memory: Polars' own choice is often the growing one.
            maintain_order="left",
        )
    # Keys that repeat on both sides can multiply the rows beyond all bounds. Were filters that follow moved before the
    # gate, all of those rows could vanish without passing it.
    return query.gate(joined, keeps_filters_behind=True)


@apply.register
def _(step: steps.Deduplicate, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    require(frame, step.by or [])
    subset = cs.by_name(step.by) if step.by else None
    return frame.unique(subset, keep=step.keep, maintain_order=step.keep != "any")


@apply.register
def _(step: steps.Limit, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    return first(step.rows, frame, query)


def first(rows: int, frame: pl.LazyFrame, query: Query) -> pl.LazyFrame:
    """Returns the first rows. The others are not read, unless a step before has to see them all."""
    if not query.validations:
        return frame.head(rows)
    return frame.with_row_index(_NUMBER).filter(pl.col(_NUMBER) < rows).drop(_NUMBER)


def _named(expressions: dict[str, str]) -> list[pl.Expr]:
    return [parse(text).alias(name) for name, text in expressions.items()]
