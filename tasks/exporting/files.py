"""The three formats: each writes batches of rows one after the other and keeps none of them."""

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Protocol, Self

import xlsxwriter
from django.db.models import TextChoices
from rest_framework.utils.encoders import JSONEncoder

from tasks.exceptions import InvalidSubmission
from tasks.exporting.columns import Cell, Column, Shape

XLSX_ROWS = 1_048_575  # of a sheet, below its heading
XLSX_CHARACTERS = 32_767  # of a cell

# Spreadsheets take what begins so for a formula, and some of them the wide forms of Chinese and Japanese keyboards too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class Format(TextChoices):
    CSV = "csv", "CSV"
    JSON = "json", "JSON"
    XLSX = "xlsx", "XLSX"


MEDIA_TYPES: dict[Format, str] = {
    Format.CSV: "text/csv",
    Format.JSON: "application/json",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def format_of(text: str) -> Format:
    """Returns the format of this name, in any case; without one CSV. Raises InvalidSubmission."""
    word = text.strip().lower() or Format.CSV.value
    if word not in Format.values:
        raise _refused("unknown_value", f"it is not one of {', '.join(Format.values)}")
    return Format(word)


def too_many_rows() -> InvalidSubmission:
    detail = f"a sheet of XLSX holds {XLSX_ROWS:,} rows, and more match: take CSV, or narrow the list by filters"
    return _refused("too_many_rows", detail)


def _refused(code: str, detail: str) -> InvalidSubmission:
    return InvalidSubmission([{"code": code, "detail": detail, "attr": "format"}])


class TextFile(Protocol):
    """What can be sent while it is written."""

    def begin(self) -> str: ...

    def rows(self, shapes: Sequence[Shape]) -> str: ...

    def end(self) -> str: ...


class Csv:
    """RFC 4180 in UTF-8. What a spreadsheet would take for a formula has a ' before it."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns

    def begin(self) -> str:
        return self._lines([[column.name for column in self._columns]])

    def rows(self, shapes: Sequence[Shape]) -> str:
        return self._lines([[_no_formula(column.cell(shape)) for column in self._columns] for shape in shapes])

    def end(self) -> str:
        return ""

    @staticmethod
    def _lines(lines: Sequence[Sequence[Cell]]) -> str:
        written = io.StringIO()
        csv.writer(written).writerows(lines)
        return written.getvalue()


def _no_formula(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


class Json:
    """One array, with a row a line. ASCII alone: a terminal obeys none of it."""

    def __init__(self) -> None:
        self._between = ""

    def begin(self) -> str:
        return "["

    def rows(self, shapes: Sequence[Shape]) -> str:
        written = ",\n".join(json.dumps(shape, cls=JSONEncoder, allow_nan=False) for shape in shapes)
        before, self._between = self._between, ",\n" if written else self._between
        return before + written

    def end(self) -> str:
        return "]\n"


class Workbook:
    """One sheet. Its rows go to a file in `folder` as they come; at the end of the context they become the workbook."""

    def __init__(self, file: IO[bytes], folder: Path, columns: Sequence[Column], title: str) -> None:
        self._columns, self._row = columns, 0
        self._book: Any = xlsxwriter.Workbook(file, {"constant_memory": True, "tmpdir": str(folder)})
        self._book.use_zip64()
        self._sheet: Any = self._book.add_worksheet(title)
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(columns) - 1, 18)
        bold = self._book.add_format({"bold": True})
        for place, column in enumerate(columns):
            self._sheet.write_string(0, place, column.name, bold)

    def add(self, shapes: Sequence[Shape]) -> int:
        """Writes the rows and returns how many characters that was. Raises InvalidSubmission past the last row."""
        characters = 0
        for shape in shapes:
            self._row += 1
            if self._row > XLSX_ROWS:
                raise too_many_rows()
            for place, column in enumerate(self._columns):
                cell = column.cell(shape)
                if isinstance(cell, str):
                    characters += len(cell)
                    self._sheet.write_string(self._row, place, _fitting(cell))  # never a formula, never a link
                elif cell is not None:
                    self._sheet.write_number(self._row, place, cell)
        return characters

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is not None:
            self._sheet.row_data_fh.close()  # which nothing else does where the workbook is not closed
            return
        self._sheet.autofilter(0, 0, self._row, len(self._columns) - 1)
        self._book.close()


def _fitting(text: str) -> str:
    # No characters of XML, and none that `visible` has written out.
    text = text.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
    if len(text) > XLSX_CHARACTERS:
        note = f" … cut here: {len(text):,} characters in all, which CSV and JSON have"
        text = text[: XLSX_CHARACTERS - len(note)] + note
    if text.startswith("<r>") and text.endswith("</r>"):
        text += " "  # the library takes such a text for XML of its own, and would write it as that
    return text


def temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="taskyard-export-")
