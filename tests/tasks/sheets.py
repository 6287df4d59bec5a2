"""Reads what exports write: CSV, JSON, and the one sheet of a workbook, as programs would."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"

Rows = list[dict[str, Any]]


def of_csv(content: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def of_xlsx(content: bytes) -> Rows:
    """Returns the rows by their headings. Numbers are floats, what is not there None. A formula or a link fails."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314  (written by ourselves)
    assert not list(sheet.iter(f"{_SHEET}f")), "there is a formula"
    assert not list(sheet.iter(f"{_SHEET}hyperlink")), "there is a link"
    headings, *rows = (_cells(row) for row in sheet.iter(f"{_SHEET}row"))
    return [{str(heading): row.get(place) for place, heading in headings.items()} for row in rows]


def _cells(row: ElementTree.Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for cell in row.iter(f"{_SHEET}c"):
        text = cell.find(f"{_SHEET}is/{_SHEET}t")
        place = cell.attrib["r"].rstrip("0123456789")
        found[place] = float(cell.findtext(f"{_SHEET}v", "")) if text is None else text.text or ""
    return found


READERS: dict[str, Callable[[bytes], Rows]] = {"csv": of_csv, "json": json.loads, "xlsx": of_xlsx}
