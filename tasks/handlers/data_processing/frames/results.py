"""What a task returns of a frame: its columns, and its rows as JSON can hold them."""

import base64
import json
import math
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from django.utils.duration import duration_iso_string


def columns_of(schema: pl.Schema) -> list[dict[str, str]]:
    """Returns name and Polars type of each column."""
    return [{"name": name, "dtype": str(dtype)} for name, dtype in schema.items()]


def rows_of(frame: pl.DataFrame, *, most_rows: int, most_bytes: int) -> list[dict[str, Any]]:
    """Returns the rows from the first on, as many as both limits hold."""
    rows: list[dict[str, Any]] = []
    size = 0
    for row in frame.head(most_rows).iter_rows(named=True):
        value = {name: json_value(cell) for name, cell in row.items()}
        size += len(json.dumps(value, ensure_ascii=False).encode()) + 2
        if size > most_bytes:
            break
        rows.append(value)
    return rows


def json_value(value: Any) -> Any:
    """Returns what stands for the value in JSON.

    Dates, times and durations are ISO 8601, decimals are strings of all their digits, bytes are base64; what is not a
    number, or infinite, is null.
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return format(value, "f")
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return duration_iso_string(value)
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case dict():
            return {str(name): json_value(each) for name, each in value.items()}
        case pl.Series() | list() | tuple():
            return _list(value)
        case _:
            return str(value)


def _list(values: Iterable[Any]) -> list[Any]:
    return [json_value(each) for each in values]
