"""The columns of exported tables, from the API's shapes of rows."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rest_framework.utils.encoders import JSONEncoder

from tasks.searching import DEAD_LETTERS, TASKS, Kind
from tasks.wording import visible

Shape = Mapping[str, Any]
Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """`is_hidden` is what only those see who may see payloads."""

    name: str
    cell: Callable[[Shape], Cell]
    is_hidden: bool = False


def columns_of(kind: Kind, *, with_payload: bool) -> tuple[Column, ...]:
    return tuple(column for column in _COLUMNS[kind] if with_payload or not column.is_hidden)


def _text(name: str) -> Column:
    return Column(name, lambda shape: None if shape[name] is None else visible(shape[name]))


def _plain(name: str) -> Column:
    """A number, or words of our own: nothing in it is anybody's text."""
    return Column(name, lambda shape: shape[name])


def _id(name: str) -> Column:
    return Column(name, lambda shape: None if shape[name] is None else str(shape[name]))


def _time(name: str) -> Column:
    """As in the API: ISO 8601 in UTC."""

    def cell(shape: Shape) -> str | None:
        moment = shape[name]
        return None if moment is None else moment.isoformat().replace("+00:00", "Z")

    return Column(name, cell)


def _json(name: str, *, is_hidden: bool = False) -> Column:
    return Column(name, lambda shape: _document(shape[name]), is_hidden)


def _document(value: Any) -> str | None:
    if value is None:
        return None
    return visible(json.dumps(value, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":")))


def _of_error(name: str) -> Column:
    return Column(f"error_{name}", lambda shape: visible(shape["error"][name]) if shape["error"] else None)


def _fraction(shape: Shape) -> Cell:
    return shape["progress"]["fraction"] if shape["progress"] else None


_COLUMNS: dict[Kind, tuple[Column, ...]] = {
    TASKS: (
        _id("id"),
        _text("type"),
        _text("name"),
        _text("queue"),
        _plain("priority"),
        _plain("status"),
        _plain("attempt"),
        _plain("max_attempts"),
        _time("created_at"),
        _time("run_at"),
        _time("queued_at"),
        _time("started_at"),
        _time("finished_at"),
        _plain("duration_ms"),
        _of_error("category"),
        _of_error("class"),
        _of_error("message"),
        _text("worker"),
        Column("progress", _fraction),
        _json("tags"),
        _json("depends_on"),
        _id("compensates"),
        _id("clone_of"),
        _text("created_by"),
        _json("payload", is_hidden=True),
        _json("result", is_hidden=True),
    ),
    DEAD_LETTERS: (
        _id("id"),
        _id("task"),
        _text("type"),
        _plain("category"),
        _text("error_class"),
        _text("message"),
        _plain("fingerprint"),
        _plain("attempts"),
        _time("created_at"),
        _plain("resolution"),
        _time("resolved_at"),
        _text("resolved_by"),
        Column("traceback", _text("traceback").cell, is_hidden=True),
    ),
}
