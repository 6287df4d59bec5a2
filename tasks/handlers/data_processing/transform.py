"""The operation `transform`: rows from a source through steps into a file, or into the task's result."""

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from tasks.context import TaskContext
from tasks.handlers.data_processing.operations import OperationPayload, operation
from tasks.handlers.data_processing.sources import FileSink, FileSource, Source
from tasks.handlers.data_processing.steps import Join, Step
from tasks.handlers.data_processing.validation import error_at


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
    limit: int = Field(
        default=1_000,
        ge=1,
        le=10_000,
        description="The most rows in the result where there is no sink; fewer where RESULT_LIMIT holds fewer.",
    )

    @model_validator(mode="after")
    def _sink_is_no_source(self) -> Self:
        sources = [self.source, *(step.other for step in self.steps if isinstance(step, Join))]
        if self.sink is not None:
            paths = {source.path for source in sources if isinstance(source, FileSource)}
            if self.sink.path in paths:
                raise error_at("sink", "path", reason="the sink is one of the sources", value=self.sink.path)
        return self


@operation("transform", payload=Transform)
def transform(ctx: TaskContext, payload: Transform) -> dict[str, Any]:
    """Returns how many rows came out, their columns, and the rows or where they were written."""
    from tasks.handlers.data_processing.frames.transforming import run  # not at the top: see frames/__init__.py

    return run(ctx, payload)
