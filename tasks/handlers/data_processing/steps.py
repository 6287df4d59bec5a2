"""The steps of a transformation, as a payload says them. What each does to rows is in frames/."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.handlers.data_processing.columns import ColumnName, ColumnNames, ColumnTypes
from tasks.handlers.data_processing.expressions import Expression
from tasks.handlers.data_processing.schemas import RowSchema
from tasks.handlers.data_processing.sources import FileSink, Source
from tasks.handlers.data_processing.validation import error_at, picking

REJECT_ROW, REJECT_REASONS = "reject_row", "reject_reasons"  # the columns that rejects get


def _with_example(**example: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class Filter(BaseModel):
    """Keeps the rows for which the condition is true."""

    model_config = _with_example(op="filter", where="amount > 100 AND country IN ('DE', 'FR')")

    op: Literal["filter"]
    where: Expression


class Derive(BaseModel):
    """Adds columns or replaces them. All expressions see the row as it came: none sees what another one made."""

    model_config = _with_example(op="derive", columns={"net": "amount / 1.19", "day": "DATE(ordered_at)"})

    op: Literal["derive"]
    columns: dict[ColumnName, Expression] = Field(min_length=1)


class Select(BaseModel):
    """Keeps these columns, in this order."""

    model_config = _with_example(op="select", columns=["order_id", "amount"])

    op: Literal["select"]
    columns: ColumnNames = Field(min_length=1)


class Rename(BaseModel):
    """Renames columns: old name to new name."""

    model_config = _with_example(op="rename", columns={"amount": "gross"})

    op: Literal["rename"]
    columns: dict[ColumnName, ColumnName] = Field(min_length=1)


class Cast(BaseModel):
    """Changes the types of columns."""

    model_config = _with_example(op="cast", columns={"ordered_at": "date"}, format="%d.%m.%Y")

    op: Literal["cast"]
    columns: ColumnTypes = Field(min_length=1)
    strict: bool = Field(default=True, description="Fail at a value that does not fit; otherwise it becomes null.")
    format: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="How text spells a date, datetime or time, in strftime's letters. By default ISO 8601.",
        examples=["%d.%m.%Y %H:%M"],
    )


class Aggregate(BaseModel):
    """Makes one row of each group, in the order in which the groups appear; without `by`, one row of all."""

    model_config = _with_example(op="aggregate", by=["country"], metrics={"orders": "count(*)", "total": "sum(amount)"})

    op: Literal["aggregate"]
    by: ColumnNames = Field(default_factory=list)
    metrics: dict[ColumnName, Expression] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        both = [name for name in self.metrics if name in self.by]
        if both:
            raise error_at("metrics", both[0], reason=f"{both[0]!r} is one of the columns in by already")
        return self


class Sort(BaseModel):
    """Sorts rows. The one step besides aggregate and join that needs its rows in memory."""

    model_config = _with_example(op="sort", by=["country", "amount"], descending=[False, True])

    op: Literal["sort"]
    by: ColumnNames = Field(min_length=1)
    descending: bool | list[bool] = Field(default=False, description="One for all columns, or one for each.")
    nulls_last: bool = True

    @model_validator(mode="after")
    def _one_for_each(self) -> Self:
        if isinstance(self.descending, list) and len(self.descending) != len(self.by):
            raise error_at("descending", reason=f"it has {len(self.descending)} values for {len(self.by)} columns")
        return self


class Join(BaseModel):
    """Joins with rows from another source, which is held in memory. Filter before it where you can."""

    model_config = _with_example(op="join", on=["country"], how="left", **{"with": {"path": "in/countries.csv"}})

    op: Literal["join"]
    other: Source = Field(alias="with", description="The right side.")
    how: Literal["inner", "left", "full", "semi", "anti", "cross"] = Field(
        default="inner", description="semi and anti keep the left rows that have a match, or none; cross takes no keys."
    )
    on: ColumnNames | None = Field(default=None, min_length=1, description="Keys that both sides call the same.")
    left_on: ColumnNames | None = Field(default=None, min_length=1)
    right_on: ColumnNames | None = Field(default=None, min_length=1)
    suffix: str = Field(
        default="_right", min_length=1, max_length=50, description="For columns that the left side has already."
    )

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        given = [name for name in ("on", "left_on", "right_on") if getattr(self, name) is not None]
        if self.how == "cross":
            if given:
                raise error_at(given[0], reason="a cross join takes no keys")
        elif given not in (["on"], ["left_on", "right_on"]):
            raise error_at("on", reason="give either on, or left_on and right_on")
        if self.left_on is not None and self.right_on is not None and len(self.left_on) != len(self.right_on):
            raise error_at(
                "right_on", reason=f"{len(self.right_on)} keys on the right, {len(self.left_on)} on the left"
            )
        return self

    @property
    def keys(self) -> tuple[list[str], list[str]]:
        """The columns that must be equal: left, right. Both are empty in a cross join."""
        return self.left_on or self.on or [], self.right_on or self.on or []


class Deduplicate(BaseModel):
    """Keeps one row of those that agree in the columns, in the rows' order."""

    model_config = _with_example(op="deduplicate", by=["order_id"], keep="last")

    op: Literal["deduplicate"]
    by: ColumnNames | None = Field(default=None, min_length=1, description="All columns where it is left out.")
    keep: Literal["first", "last", "any", "none"] = Field(
        default="first", description="Which one; `any` is quickest, `none` drops all that are not alone."
    )


class Limit(BaseModel):
    """Keeps the first rows."""

    model_config = _with_example(op="limit", rows=100)

    op: Literal["limit"]
    rows: int = Field(ge=0)


class Validate(BaseModel):
    """Lets the rows pass that a JSON Schema accepts, and writes the others to a file of rejects.

    A reject gets the columns reject_row (its number among the rows that came to this step) and reject_reasons.
    """

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "op": "validate",
                    "schema": {"required": ["amount"], "properties": {"amount": {"type": "number", "minimum": 0}}},
                    "rejects": {"path": "out/rejects.jsonl"},
                    "max_reject_share": 0.01,
                }
            ]
        },
    )

    op: Literal["validate"]
    json_schema: RowSchema = Field(alias="schema")
    nulls: Literal["absent", "null"] = Field(
        default="absent", description="A null is a property that is missing, or one with the value null."
    )
    rejects: FileSink | None = Field(default=None, description="Where refused rows go. It appears with the sink.")
    max_rejects: int | None = Field(
        default=None,
        ge=0,
        description="One more and the task fails. It is 0 where there is no limit and no file of rejects.",
    )
    max_reject_share: float | None = Field(
        default=None, ge=0, le=1, description="Of the rows that came; beyond: fails."
    )

    @property
    def most_rejects(self) -> int | None:
        if self.rejects is None and self.max_rejects is None and self.max_reject_share is None:
            return 0
        return self.max_rejects


_MODELS = (Filter, Derive, Select, Rename, Cast, Aggregate, Sort, Join, Deduplicate, Limit, Validate)
_BY_OP: dict[str, type[BaseModel]] = {model.model_fields["op"].annotation.__args__[0]: model for model in _MODELS}  # type: ignore[union-attr]


Step = Annotated[
    Filter | Derive | Select | Rename | Cast | Aggregate | Sort | Join | Deduplicate | Limit | Validate,
    Field(discriminator="op"),
    picking(lambda value: _BY_OP.get(str(value.get("op")))),
]
