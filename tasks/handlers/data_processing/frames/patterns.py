"""Regular expressions of JSON Schemas, matched by Polars' engine, whose time is linear in the text."""

import polars as pl

from tasks.handlers.data_processing.frames.failures import explain


def matches(pattern: str, text: str) -> bool:
    """Tells whether the pattern is found anywhere in the text."""
    return bool(pl.Series([text]).str.contains(pattern).item())


def complaint(pattern: str) -> str:
    """Returns what is wrong with a pattern, or ""."""
    try:
        matches(pattern, "")
    except pl.exceptions.PolarsError as error:
        return f"the pattern {pattern[:100]!r} is not understood: {explain(error)}"
    return ""
