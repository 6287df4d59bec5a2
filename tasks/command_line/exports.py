"""Exports: everything that a search and filters match, to a file or a pipe."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandParser

from tasks.command_line.calling import Call, Misused, Refused, Verb
from tasks.command_line.parsing import add_payloads, add_query, add_text, selection_of
from tasks.exceptions import InvalidSubmission
from tasks.exporting import Export, Format, format_of
from tasks.searching import DEAD_LETTERS, TASKS, Kind


def _exporting(kind: Kind) -> Callable[[Call], None]:
    def run(call: Call) -> None:
        name = call.options["output"]
        wanted = _format(call)
        if name is None and wanted == Format.XLSX and call.output.is_terminal:
            raise Misused("XLSX is not for a terminal: name a file by --output FILE, or send it to a pipe")
        selection = selection_of(call, kind)
        export = Export(selection, wanted, actor=call.actor, with_payload=call.shows_payloads)
        chunks = export.chunks()
        for note in selection.notes_for(call.actor):
            call.output.note(note)
        if name is None:
            _print(call, chunks)
        else:
            _write(Path(name), chunks)
            call.output.note(f"{export.count:,} {export.nouns} are in {name}.")

    return run


def _format(call: Call) -> Format:
    text = call.options["format"] or ""
    if call.output.as_json and text.strip().lower() not in ("", Format.JSON):
        raise Misused("--json and --format name two formats")
    try:
        return Format.JSON if call.output.as_json else format_of(text)
    except InvalidSubmission as error:
        raise Misused(f"--{error}") from None


def _print(call: Call, chunks: Iterable[bytes]) -> None:
    try:
        call.output.stream(chunks)
    except BrokenPipeError:
        # What is left in its buffer would be tried again when Python ends, with a traceback.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Refused("nobody read the export to its end") from None


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes beside the file and then renames: what stands there is whole. A pipe or a device is written to itself."""
    is_plain = path.is_file() or not path.exists()
    path = path.resolve() if is_plain else path
    part = path.with_name(f"{path.name}.part")
    try:
        with (part if is_plain else path).open("wb") as file:
            _fill(file, chunks)
        if is_plain:
            part.replace(path)
    except OSError as error:
        raise Refused(f"--output: {error.strerror or error}") from None
    finally:
        if is_plain:
            part.unlink(missing_ok=True)


def _fill(file: IO[bytes], chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        file.write(chunk)


def _adding(kind: Kind) -> Callable[[CommandParser], None]:
    def add(parser: Any) -> None:
        add_query(parser, kind)
        add_text(parser, "format", help=f"{', '.join(Format.values)}; {Format.CSV} by default")
        parser.add_argument("--output", metavar="FILE", help="in place of the standard output")
        add_payloads(parser)

    return add


def _verb(kind: Kind, nouns: str) -> Verb:
    words = f"Write all {nouns} that match, the newest first, as CSV, JSON or XLSX."
    return Verb("export", words, _exporting(kind), _adding(kind))


TASKS_VERB = _verb(TASKS, "tasks")
DEAD_LETTERS_VERB = _verb(DEAD_LETTERS, "dead letters")
