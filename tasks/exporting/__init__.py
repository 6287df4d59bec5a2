"""Exports: everything that a search and filters select, as a file, for the admin, the API and the command line.

`rows` reads in batches, `columns` says what a table shows of a row, `files` writes the three formats, `export` joins
them, `answering` sends one over HTTP. What a row looks like is what the API answers.
"""

from tasks.exporting.answering import answer
from tasks.exporting.export import Export
from tasks.exporting.files import Format, format_of

__all__ = ["Export", "Format", "answer", "format_of"]
