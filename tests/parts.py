"""Which files a part of bin/test reads: those that name its marks. Importing the others costs each process seconds."""

from functools import cache
from pathlib import Path

import pytest

MARKS_OF_PARTS = {
    "embedded": ("embedded",),
    "contract": ("contract",),
    "(broker or database) and not browser": ("broker", "database"),
    "browser": ("browser",),
}
MARKS = {mark for marks in MARKS_OF_PARTS.values() for mark in marks}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    marks = MARKS_OF_PARTS.get(config.option.markexpr)
    if marks is None or not collection_path.match("test_*.py"):
        return None
    return None if _named_in(collection_path).intersection(marks) else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Holds, where all files are read, that each test's file names its marks: it would be left out otherwise."""
    for item in items:
        missing = {mark.name for mark in item.iter_markers()} & MARKS - _named_in(item.path)
        if missing:
            raise pytest.UsageError(f"{item.nodeid}: its file must name its mark as pytest.mark.{missing.pop()}")


@cache
def _named_in(path: Path) -> frozenset[str]:
    text = path.read_text()
    return frozenset(mark for mark in MARKS if f"pytest.mark.{mark}" in text)
