"""How a payload splits its work into batches, and what a batch's own task is told of it."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from tasks.handlers.data_processing.columns import ColumnName
from tasks.handlers.data_processing.validation import error_at

MOST_BATCHES = 500  # each is a task and a file; those who merge them hold all of the files open


class Batch(BaseModel):
    """One batch, as the task that splits the source tells it to the batch's own task."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=0)
    of: int = Field(ge=1)
    offset: int | None = Field(default=None, ge=0)
    rows: int | None = Field(default=None, ge=1)
    by: ColumnName | None = None
    value: JsonValue = None
    version: str = Field(description="The source's size and time of change. Where they differ, the task fails.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.offset is None or self.rows is None) == (self.by is None):
            raise error_at(reason='give either "offset" and "rows" or "by"')
        return self


def part_path(folder: str, number: int, file_format: str) -> str:
    return f"{folder}/part-{number:05d}.{file_format}"


def as_part(file: dict[str, Any], number: int, file_format: str) -> dict[str, Any]:
    """Returns the sink of one batch, from that of all."""
    return {**file, "path": part_path(file["path"], number, file_format), "format": file_format}
