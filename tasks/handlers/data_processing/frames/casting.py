"""Changes the types of columns."""

from collections.abc import Mapping

import polars as pl
import polars.selectors as cs

from tasks.handlers.data_processing.columns import ColumnType

POLARS: dict[ColumnType, pl.DataType] = {
    ColumnType.STRING: pl.String(),
    ColumnType.INTEGER: pl.Int64(),
    ColumnType.FLOAT: pl.Float64(),
    ColumnType.BOOLEAN: pl.Boolean(),
    ColumnType.DATE: pl.Date(),
    ColumnType.DATETIME: pl.Datetime("us"),
    ColumnType.DATETIME_UTC: pl.Datetime("us", "UTC"),
    ColumnType.TIME: pl.Time(),
}
SPELLED = frozenset(POLARS) - {ColumnType.STRING, ColumnType.INTEGER, ColumnType.FLOAT}

_ISO = "%Y-%m-%dT%H:%M:%S%.f"


def cast(
    frame: pl.LazyFrame, types: Mapping[str, ColumnType], *, strict: bool = True, format: str | None = None
) -> pl.LazyFrame:
    """Returns the frame with these columns of these types.

    Text is read by `format`, else as ISO 8601. `strict` fails at a value that does not fit; otherwise it becomes null.
    """
    schema = frame.collect_schema()
    return frame.with_columns(
        _from_text(cs.by_name(name).as_expr(), kind, strict, format)
        if schema[name] == pl.String
        else cs.by_name(name).as_expr().cast(POLARS[kind], strict=strict)
        for name, kind in types.items()
    )


def _from_text(text: pl.Expr, kind: ColumnType, strict: bool, format: str | None) -> pl.Expr:
    # Formats are always given: left alone, Polars guesses one, and takes 05/01/2024 for the fifth of January.
    match kind:
        case ColumnType.DATE:
            return text.str.to_date(format or "%Y-%m-%d", strict=strict)
        case ColumnType.TIME:
            return (text if format else _with_seconds(text)).str.to_time(format or "%H:%M:%S%.f", strict=strict)
        case ColumnType.DATETIME:
            return (text if format else _iso(text)).str.to_datetime(format or _ISO, strict=strict, time_unit="us")
        case ColumnType.DATETIME_UTC:
            moment = text if format else _iso(text).str.replace(r"(T[\d:.]+)Z?$", "${1}+00:00")
            return moment.str.to_datetime(format or _ISO + "%#z", strict=strict, time_unit="us", time_zone="UTC")
        case ColumnType.BOOLEAN:  # Polars casts no text to it
            number = text.str.to_lowercase().cast(pl.Enum(["false", "true"]), strict=strict).to_physical()
            return number.cast(pl.Boolean)
        case _:
            return text.cast(POLARS[kind], strict=strict)


def _iso(text: pl.Expr) -> pl.Expr:
    """Brings what ISO 8601 leaves open (a space for the T, no seconds, no time) to one form."""
    with_t = text.str.replace(r"^(\d{4}-\d{2}-\d{2}) ", "${1}T")
    return _with_seconds(with_t.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00"))


def _with_seconds(text: pl.Expr) -> pl.Expr:
    return text.str.replace(r"(^|T)(\d{2}:\d{2})($|Z|[+-])", "${1}${2}:00${3}")
