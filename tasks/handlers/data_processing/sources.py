"""Where rows come from and go to, as a payload says it."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from tasks.handlers.data_processing.columns import ColumnNames, ColumnTypes
from tasks.handlers.data_processing.partitions import MOST_BATCHES, part_path
from tasks.handlers.data_processing.paths import DataPath, format_of
from tasks.handlers.data_processing.validation import error_at, picking

Format = Literal["csv", "jsonl", "parquet"]
Delimiter = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x7e\t ]$")]  # one ASCII character, not the quote

_BY_SUFFIX = "By default it is told by the suffix: .csv, .jsonl, .ndjson or .parquet."
_CSV_ONLY = ("delimiter", "has_header", "columns", "null_values", "short_rows")


class InlineRows(BaseModel):
    """Rows in the payload itself."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"rows": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}]}
    )

    rows: list[dict[str, JsonValue]] = Field(description="Objects; a missing key is null.")
    dtypes: ColumnTypes = Field(default_factory=dict, description="Types of columns; the others are inferred.")

    @model_validator(mode="after")
    def _has_columns(self) -> Self:
        if not any(self.rows) and not self.dtypes:
            raise error_at("rows", reason="give at least one row with a column, or name the columns in dtypes")
        return self


class FileSource(BaseModel):
    """A file below DATA_ROOT. Where it is missing the task fails and is retried: it may still arrive."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"path": "in/orders.csv", "dtypes": {"ordered_at": "datetime"}}]},
    )

    path: DataPath
    format: Format | None = Field(default=None, description=_BY_SUFFIX)
    delimiter: Delimiter = Field(default=",", description="CSV: one character.")
    has_header: bool = Field(default=True, description="CSV: the first line names the columns.")
    columns: ColumnNames | None = Field(default=None, description="CSV: names of all columns, in the file's order.")
    null_values: list[str] = Field(default_factory=list, description="CSV: texts that stand for null, such as NA.")
    short_rows: Literal["refuse", "fill"] = Field(
        default="refuse", description="CSV: what becomes of rows with fewer fields than the first. Fill: with nulls."
    )
    parts: int | None = Field(
        default=None,
        ge=1,
        le=MOST_BATCHES,
        description="The path is a folder of so many part files, part-00000 and so on, as batches write them.",
    )
    dtypes: ColumnTypes = Field(
        default_factory=dict,
        description="Types of columns; CSV and JSON Lines infer the others from their first 10,000 rows. In JSON Lines "
        "a column that first appears after those has to be named.",
    )

    @model_validator(mode="after")
    def _options_fit_the_format(self) -> Self:
        kind = self.file_format
        foreign = [name for name in _CSV_ONLY if name in self.model_fields_set]
        if kind != "csv" and foreign:
            raise error_at(foreign[0], reason=f"{foreign[0]} is for CSV, and the format is {kind}")
        unknown = [name for name in self.dtypes if self.columns is not None and name not in self.columns]
        if unknown:
            raise error_at("dtypes", unknown[0], reason=f"columns names no {unknown[0]!r}")
        return self

    @property
    def file_format(self) -> str:
        return format_of(self.path, self.format)

    @property
    def paths(self) -> list[str]:
        """The files to read, in order."""
        if self.parts is None:
            return [self.path]
        return [part_path(self.path, number, self.file_format) for number in range(self.parts)]


class FileSink(BaseModel):
    """A file below DATA_ROOT. It appears when it is whole, in place of an older one; folders are made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"path": "out/totals.parquet"}]})

    path: DataPath
    format: Format | None = Field(default=None, description=_BY_SUFFIX)
    delimiter: Delimiter = Field(default=",", description="CSV: one character.")

    @model_validator(mode="after")
    def _options_fit_the_format(self) -> Self:
        if self.file_format != "csv" and "delimiter" in self.model_fields_set:
            raise error_at("delimiter", reason=f"delimiter is for CSV, and the format is {self.file_format}")
        return self

    @property
    def file_format(self) -> str:
        return format_of(self.path, self.format)


def _by_key(value: dict[str, Any]) -> type[BaseModel]:
    if ("rows" in value) == ("path" in value):
        raise error_at(reason='give either "rows" or "path"', value=list(value))
    return InlineRows if "rows" in value else FileSource


Source = Annotated[InlineRows | FileSource, picking(_by_key)]
