"""The operation `transform`: rows from a source through steps into a file, or into the task's result."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.context import TaskContext
from tasks.handlers.data_processing.columns import ColumnName
from tasks.handlers.data_processing.operations import OperationPayload, operation
from tasks.handlers.data_processing.partitions import Batch
from tasks.handlers.data_processing.sources import FileSink, FileSource, Source
from tasks.handlers.data_processing.steps import Join, Step, Validate
from tasks.handlers.data_processing.validation import error_at


class Batches(BaseModel):
    """Splits the source: each batch becomes a task of its own, which writes a part file of its own.

    The sink's path (and that of rejects) names a folder then, which holds part-00000 and so on. Steps see one batch.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"rows": 50_000}, {"by": "month"}]})

    rows: int | None = Field(default=None, ge=1, description="So many rows of the source in each batch.")
    by: ColumnName | None = Field(default=None, description="One batch for each value of this column of the source.")

    merge: FileSink | None = Field(
        default=None, description="One more task puts the part files together in this file, when all batches are done."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.rows is None) == (self.by is None):
            raise error_at(reason='give either "rows" or "by"')
        return self


class Transform(OperationPayload):
    """Reads rows, takes them through the steps in order, and writes them to the sink or returns them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "source": {"path": "demo/orders.csv", "dtypes": {"ordered_at": "datetime"}},
                    "steps": [
                        {"op": "filter", "where": "amount > 20"},
                        {"op": "derive", "columns": {"day": "CAST(ordered_at AS DATE)"}},
                        {"op": "aggregate", "by": ["day"], "metrics": {"orders": "count(*)", "total": "sum(amount)"}},
                        {"op": "sort", "by": ["total"], "descending": True},
                    ],
                    "sink": {"path": "demo/totals.csv"},
                },
                {
                    "source": {"rows": [{"a": 1}, {"a": 2}]},
                    "steps": [{"op": "derive", "columns": {"b": "a * 2"}}],
                },
            ]
        }
    )

    operation: Literal["transform"] = "transform"
    source: Source
    steps: list[Step] = Field(default_factory=list, max_length=100)
    sink: FileSink | None = Field(default=None, description="Where it is left out, the result holds the rows.")
    batches: Batches | None = Field(default=None, description="Splits the work into tasks of their own.")
    batch: Batch | None = Field(default=None, description="Set in the tasks that batches make.")
    limit: int = Field(
        default=1_000,
        ge=1,
        le=10_000,
        description="The most rows in the result where there is no sink; fewer where RESULT_LIMIT holds fewer.",
    )

    @model_validator(mode="after")
    def _files_differ(self) -> Self:
        sources = [self.source, *(step.other for step in self.steps if isinstance(step, Join))]
        taken = {path: "one of the sources" for each in sources if isinstance(each, FileSource) for path in each.paths}
        for place, file in self.written():
            is_sink = place == ("sink",)
            if file.path in taken:
                name = "the sink" if is_sink else "the file of rejects"
                raise error_at(*place, "path", reason=f"{name} is {taken[file.path]}", value=file.path)
            taken[file.path] = "the sink" if is_sink else "that of another step"
        return self

    @model_validator(mode="after")
    def _can_be_split(self) -> Self:
        given = self.batches or self.batch
        if given is not None and (not isinstance(self.source, FileSource) or self.source.parts is not None):
            raise error_at("batches", reason="batches are made of one file: name it as the source's path")
        if self.batches is not None and self.sink is None:
            raise error_at("sink", reason="batches need a sink: a folder for their part files")
        if self.batches is not None and self.batches.merge is not None and isinstance(self.source, FileSource):
            taken = {self.source.path, *(file.path for _, file in self.written())}
            if self.batches.merge.path in taken:
                raise error_at("batches", "merge", "path", reason="it is the source, or a folder of part files")
        if self.batches is not None and self.batch is not None:
            raise error_at("batch", reason="a batch is not split again")
        return self

    def written(self) -> list[tuple[tuple[str | int, ...], FileSink]]:
        """Returns the files that come of it, each after its place in the payload."""
        found: list[tuple[tuple[str | int, ...], FileSink]] = [(("sink",), self.sink)] if self.sink else []
        for index, step in enumerate(self.steps):
            if isinstance(step, Validate) and step.rejects is not None:
                found.append((("steps", index, "rejects"), step.rejects))
        return found


@operation("transform", payload=Transform)
def transform(ctx: TaskContext, payload: Transform) -> dict[str, Any]:
    """Returns how many rows came out, their columns, and the rows or where they were written; or the batches' tasks."""
    if payload.batches is not None:
        from tasks.handlers.data_processing.frames.batching import split  # not at the top: see frames/__init__.py

        return split(ctx, payload)
    from tasks.handlers.data_processing.frames.transforming import run  # not at the top: see frames/__init__.py

    return run(ctx, payload)
