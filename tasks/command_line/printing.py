"""What is printed: tables for people, JSON for programs. Nothing that is stored reaches a terminal as a command."""

import io
import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from rest_framework.utils.encoders import JSONEncoder
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True)
class Column:
    """`least` is the width of a terminal from which on it is shown. What is whole is an id and never cut."""

    title: str
    cell: Callable[[Any], Any]
    colours: dict[str, str] | None = None  # by what stands in the cell
    least: int = 0
    is_whole: bool = False
    is_folded: bool = False  # goes on in the next line
    side: Literal["left", "right"] = "left"


class Output:
    """Answers go to `out`, everything else to `err`, so that answers can be piped."""

    def __init__(self, out: Any, err: Any, *, as_json: bool, is_plain: bool = False, is_coloured: bool = False) -> None:
        self._out, self._err, self.as_json = out, err, as_json
        # It renders alone: what is written to `out` is written by us, in one piece.
        self._console = Console(
            file=io.StringIO(),
            force_terminal=is_coloured or out.isatty(),
            no_color=is_plain or None,
            highlight=False,
            markup=False,
            emoji=False,
        )

    def give(self, shape: Shape, show: Callable[["Output", Shape], None]) -> None:
        """Prints the answer: as it is for programs, by `show` for people."""
        if self.as_json:
            # ASCII alone: what is stored may hold characters that turn lines round.
            self._out.write(json.dumps(shape, cls=JSONEncoder, indent=2))
        else:
            show(self, shape)

    def say(self, text: str) -> None:
        """Prints a sentence that is the answer for people."""
        if not self.as_json:
            self._out.write(harmless(text))

    def note(self, text: str) -> None:
        """Prints what is to be known besides."""
        self._err.write(harmless(text))

    def table(self, columns: Sequence[Column], rows: Iterable[Any]) -> None:
        shown = [each for each in columns if each.least <= self._console.width]
        table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
        for column in shown:
            table.add_column(
                column.title, justify=column.side, no_wrap=not column.is_folded,
                overflow="fold" if column.is_folded else "ellipsis", min_width=36 if column.is_whole else None,
            )  # fmt: skip
        for row in rows:
            table.add_row(*(_cell(column, row) for column in shown))
        self._print(table)

    def facts(self, facts: Iterable[tuple[str, Any]]) -> None:
        """Prints names with what they are; what is None or empty is left out."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in facts:
            if value not in (None, "", [], {}):
                grid.add_row(Text(name), Text(harmless(str(value))))
        self._print(grid)

    @property
    def is_terminal(self) -> bool:
        return bool(self._out.isatty())

    def stream(self, chunks: Iterable[bytes]) -> None:
        """Prints a file as it is. Raises BrokenPipeError where nobody reads on."""
        binary = self._out.buffer
        for chunk in chunks:
            binary.write(chunk)
        binary.flush()

    def heading(self, text: str) -> None:
        self._print(Text(f"\n{one_line(text)}", style="bold"))

    def block(self, title: str, text: str) -> None:
        """Prints a text of several lines below a title."""
        self.heading(title)
        self._print(Padding(Text(harmless(text), overflow="fold"), (0, 0, 0, 2)))

    def document(self, title: str, value: Any) -> None:
        self.block(title, json.dumps(value, cls=JSONEncoder, indent=2, ensure_ascii=False))

    def _print(self, what: RenderableType) -> None:
        with self._console.capture() as capture:
            self._console.print(what)
        self._out.write("\n".join(line.rstrip() for line in capture.get().removesuffix("\n").split("\n")))


def harmless(text: str) -> str:
    """Returns the text without characters that a terminal obeys or that turn lines round; lines stay lines."""
    return "".join(
        each if each in "\n\t" or unicodedata.category(each)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for each in text.replace("\r\n", "\n")
    )


def one_line(text: str) -> str:
    return " ".join(harmless(text).split())


def _cell(column: Column, row: Any) -> Text:
    value = column.cell(row)
    text = "" if value is None else one_line(f"{value:,}" if isinstance(value, int) else str(value))
    return Text(text, style=(column.colours or {}).get(text, ""))
