"""Which rows are valid beyond doubt by a JSON Schema, as one expression of Polars: most rows of most data.

It only has to be right where it says yes. What it does not know, and what it does not know for certain, is judged by
the schema itself, row by row; so it may know few keywords, but must not be generous with them.
"""

import math
from collections.abc import Mapping
from typing import Any

import polars as pl
import polars.selectors as cs

_NOTES = {"title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly"}
_OF_ROWS = _NOTES | {"type", "properties", "required", "additionalProperties", "$schema", "$id", "$defs", "definitions"}
_OF_NUMBERS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
_OF_TEXTS = {"minLength", "maxLength", "pattern"}
_OF_VALUES = _NOTES | _OF_NUMBERS | _OF_TEXTS | {"type", "enum", "const"}
_INTEGERS = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32)
_EXACT = 2**53  # whole numbers up to here are themselves as floats

_NO, _YES = pl.lit(False), pl.lit(True)


def certainly_valid(schema: Any, columns: Mapping[str, pl.DataType], *, nulls_are_absent: bool) -> pl.Expr:
    """Returns an expression that is never null, and true only for rows that the schema accepts."""
    if schema is True:
        return _YES
    if not isinstance(schema, dict) or not schema.keys() <= _OF_ROWS or not _allows("object", schema):
        return _NO
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    extra = schema.get("additionalProperties", True)
    if not isinstance(extra, bool) or any(name not in columns for name in required):
        return _NO
    conditions = [_YES]
    for name, dtype in columns.items():
        value = cs.by_name(name).as_expr()
        present = _present(value, dtype)
        allowed = properties.get(name, extra)
        valid = _valid(allowed, value, dtype).fill_null(False)
        if nulls_are_absent:
            conditions.append(present & valid if name in required else ~present | valid)
        else:
            conditions.append(pl.when(present).then(valid).otherwise(pl.lit(_accepts_null(allowed))))
    return pl.all_horizontal(conditions)


def _present(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    # What is no number, or infinite, is null in JSON.
    return value.is_not_null() & value.is_finite().fill_null(False) if dtype.is_float() else value.is_not_null()


def _allows(kind: str, schema: dict[str, Any]) -> bool:
    kinds = schema.get("type", kind)
    return kind in ([kinds] if isinstance(kinds, str) else kinds)


def _accepts_null(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return schema is True
    return schema.keys() <= _OF_VALUES - {"enum", "const"} and _allows("null", schema)


def _valid(schema: Any, value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Of a value that is there."""
    if not isinstance(schema, dict):
        return pl.lit(schema is True)
    if not schema.keys() <= _OF_VALUES:
        return _NO
    if isinstance(dtype, pl.Boolean):
        return _one_of(schema, value, bool) & pl.lit(_allows("boolean", schema))
    if isinstance(dtype, pl.String):
        return _text(schema, value) & _one_of(schema, value, str) & pl.lit(_allows("string", schema))
    if isinstance(dtype, (*_INTEGERS, pl.Float32, pl.Float64)):
        number = value.cast(pl.Float64) if dtype.is_float() else value.cast(pl.Int64)
        return _number(schema, number, dtype) & _within(schema, number, dtype)
    if isinstance(dtype, (pl.Date, pl.Datetime, pl.Time)):
        plain = schema.keys() <= _NOTES | {"type"} | _OF_NUMBERS
        return pl.lit(plain and _allows("string", schema))
    return _NO


def _number(schema: dict[str, Any], value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if _allows("number", schema):
        kind = _YES
    elif not _allows("integer", schema):
        kind = _NO
    else:
        kind = value == value.floor() if dtype.is_float() else _YES
    listed = [each for key in ("enum", "const") if key in schema for each in _listed(schema, key)]
    if not all(_is_exact(each) for each in listed if _is_number(each)):
        return _NO
    for key in ("enum", "const"):
        if key in schema:
            kind &= value.is_in([_typed(each, dtype) for each in _listed(schema, key) if _fits(each, dtype)])
    return kind


def _within(schema: dict[str, Any], value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    found = _YES
    for key in schema.keys() & _OF_NUMBERS:
        bound = schema[key]
        if not _is_number(bound) or not _is_exact(bound):
            return _NO
        if not dtype.is_float() and isinstance(bound, float) and not bound.is_integer():
            # Of whole numbers: 1.5 is passed by 2 from below, by 1 from above, whether or not it is excluded.
            key, bound = ("minimum", math.ceil(bound)) if "inimum" in key else ("maximum", math.floor(bound))
        limit = pl.lit(_typed(bound, dtype))
        match key:
            case "minimum":
                found &= value >= limit
            case "maximum":
                found &= value <= limit
            case "exclusiveMinimum":
                found &= value > limit
            case _:
                found &= value < limit
    return found


def _text(schema: dict[str, Any], value: pl.Expr) -> pl.Expr:
    found = _YES
    if "minLength" in schema:
        found &= value.str.len_chars() >= pl.lit(schema["minLength"])
    if "maxLength" in schema:
        found &= value.str.len_chars() <= pl.lit(schema["maxLength"])
    if "pattern" in schema:  # by the engine that judges rows as well: see patterns.py
        found &= value.str.contains(schema["pattern"])
    return found


def _one_of(schema: dict[str, Any], value: pl.Expr, kind: type) -> pl.Expr:
    found = _YES
    for key in schema.keys() & {"enum", "const"}:
        found &= value.is_in([each for each in _listed(schema, key) if isinstance(each, kind)])
    return found


def _listed(schema: dict[str, Any], key: str) -> list[Any]:
    return list(schema[key]) if key == "enum" else [schema[key]]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_exact(value: float) -> bool:
    return abs(value) <= _EXACT


def _fits(value: Any, dtype: pl.DataType) -> bool:
    return _is_number(value) and (dtype.is_float() or float(value).is_integer())


def _typed(value: float, dtype: pl.DataType) -> float:
    return float(value) if dtype.is_float() else int(value)
