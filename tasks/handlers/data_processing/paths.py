"""The payload's type for a file below DATA_ROOT. Only its form is judged here; files.py opens it."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tasks.handlers.data_processing.validation import error_at

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


def _check(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/"):
        reason = "the path is relative to DATA_ROOT and does not start with /"
    elif ".." in parts:
        reason = "the path may not climb out of its folder with .."
    elif not parts or path.endswith("/"):
        reason = "the path names no file"
    elif any(ord(character) < 32 for character in path):
        reason = "the path holds control characters"
    elif any(len(part.encode("utf-8", "replace")) > 255 for part in parts):
        reason = "a name in the path is longer than 255 bytes"
    else:
        return str(PurePosixPath(path))
    raise PydanticCustomError("path", "{reason}", {"reason": reason})


DataPath = Annotated[
    str,
    Field(max_length=1_000, description="Relative to DATA_ROOT.", examples=["in/orders.csv"]),
    AfterValidator(_check),
]


def format_of(path: str, named: str | None) -> str:
    """Returns csv, jsonl or parquet: the one that is named, else by the suffix. Raises an error at `format`."""
    suffix = PurePosixPath(path).suffix.lower()
    if named is None and suffix not in FORMATS:
        known = ", ".join(FORMATS)
        raise error_at("format", reason=f"the suffix of {path!r} is none of {known}: name the format", value=named)
    return named or FORMATS[suffix]
