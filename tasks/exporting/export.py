"""One export: what is selected, in which format, for whom; and the entry of the audit trail that says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from django.db.models import QuerySet

from tasks import database
from tasks.auditing import Operation
from tasks.exporting import files
from tasks.exporting.columns import columns_of
from tasks.exporting.files import Csv, Format, Json, TextFile, Workbook, temporary_folder, too_many_rows
from tasks.exporting.rows import Batches, selected
from tasks.searching import DEAD_LETTERS, Selection

CHUNK = 256 * 1024  # bytes


@dataclass
class Export:
    """`actor` is a user, or None for whoever has the machine, who searches all."""

    selection: Selection
    format: Format
    actor: Any
    with_payload: bool
    count = 0  # rows that were handed out so far

    @property
    def media_type(self) -> str:
        return files.MEDIA_TYPES[self.format]

    @property
    def nouns(self) -> str:
        return "dead letters" if self.selection.kind == DEAD_LETTERS else "tasks"

    def file_name(self) -> str:
        """Returns a name with the time in UTC, such as tasks-20260301T120000Z.csv."""
        return f"{self.nouns.replace(' ', '-')}-{database.now():%Y%m%dT%H%M%SZ}.{self.format}"

    def check(self) -> None:
        """Raises InvalidSearch, and InvalidSubmission where more rows match than the format holds."""
        rows, most = self._rows, files.XLSX_ROWS
        if self.format == Format.XLSX and rows.order_by()[most : most + 1].exists():
            raise too_many_rows()

    def chunks(self) -> Iterator[bytes]:
        """Returns the file in pieces, the first of which is made already. Raises what `check` raises.

        An error later on comes out of the iterator: what was written until then is no whole file.
        """
        self.check()
        pieces = self._workbook() if self.format == Format.XLSX else self._text(self._text_file())
        return chain([next(pieces)], pieces)

    def _text_file(self) -> TextFile:
        return Json() if self.format == Format.JSON else Csv(self._columns)

    def _text(self, file: TextFile) -> Iterator[bytes]:
        before = file.begin()
        batches = self._batches
        for batch in batches:
            written = file.rows(batch)
            batches.was_written(len(batch), len(written))
            self._note(len(batch))
            yield (before + written).encode()
            before = ""
        yield (before + file.end()).encode()

    def _workbook(self) -> Iterator[bytes]:
        with TemporaryFile() as file:
            with temporary_folder() as folder:
                batches = self._batches
                with Workbook(file, Path(folder), self._columns, self.nouns.capitalize()) as book:
                    for batch in batches:
                        batches.was_written(len(batch), book.add(batch))
                        self._note(len(batch))
            file.seek(0)
            while piece := file.read(CHUNK):
                yield piece

    @cached_property
    def _rows(self) -> QuerySet[Any]:
        return selected(self.selection, self.actor, with_payload=self.with_payload)

    @property
    def _batches(self) -> Batches:
        return Batches(self.selection.kind, self._rows, with_payload=self.with_payload)

    @cached_property
    def _columns(self) -> Any:
        return columns_of(self.selection.kind, with_payload=self.with_payload)

    @cached_property
    def _operation(self) -> Operation:
        kind = "dead letter" if self.selection.kind == DEAD_LETTERS else "task"
        how = {
            "selection": self.selection.in_words(),
            "format": self.format.value,
            "with payloads": self.with_payload,
        }
        return Operation(verb="export", kind=kind, actor=self.actor, after=how)

    def _note(self, number: int) -> None:
        # With each batch and before it is given out: the entry tells how many that were, whatever happens then.
        self.count += number
        self._operation.add(count=number)
