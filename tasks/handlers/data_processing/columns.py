"""How a payload names columns and their types."""

from collections import Counter
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError


class ColumnType(StrEnum):
    """The types that a column can be read as or cast to."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"  # without a time zone
    DATETIME_UTC = "datetime_utc"  # a moment: text with an offset is turned to UTC, text without one is taken as UTC
    TIME = "time"


def _distinct(names: list[str]) -> list[str]:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise PydanticCustomError("repeated", "{names} is named more than once", {"names": ", ".join(repeated)})
    return names


ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
ColumnNames = Annotated[list[ColumnName], AfterValidator(_distinct)]
ColumnTypes = Annotated[
    dict[ColumnName, ColumnType],
    Field(examples=[{"amount": "float", "ordered_at": "datetime"}]),
]
