"""Looks into text files before Polars does, for what it would pass over in silence: wrong encodings, compression,
columns named twice, rows that are too short.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Iterator

CHUNK = 1024 * 1024

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x78\x01": "zlib",
    b"\x78\x9c": "zlib",
    b"\x78\xda": "zlib",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class NotReadable(ValueError):
    """The file is not what the payload takes it for. The message is for the person who wrote it."""


def check_text(descriptor: int, *, is_csv: bool) -> None:
    """Raises NotReadable for what is no plain text in UTF-8, as far as its beginning shows."""
    head = os.pread(descriptor, CHUNK, 0)
    for mark, name in _COMPRESSED.items():
        if head.startswith(mark):
            raise NotReadable(f"the file is compressed ({name}): unpack it first, or use Parquet")
    if head.startswith(b"PAR1"):
        raise NotReadable('the file is Parquet: name it in "format"')
    if b"\x00" in head:
        raise NotReadable("the file holds NUL characters: text files must be in UTF-8, and this may be UTF-16")
    if head.startswith(_BYTE_ORDER_MARK) and not is_csv:
        raise NotReadable("the file starts with a byte order mark, and JSON has none: remove its first three bytes")


def mean_line(descriptor: int) -> float:
    """Returns the mean length of the first lines, in bytes."""
    head = os.pread(descriptor, CHUNK, 0)
    return max(1.0, len(head) / max(1, head.count(b"\n")))


def check_header(path: str, delimiter: str) -> None:
    """Raises NotReadable where the header names a column twice: Polars renames the second one."""
    _, header = next(_numbered_rows(path, delimiter), (0, []))
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise NotReadable(
            f'the header names the column "{repeated[0][:100]}" {header.count(repeated[0])} times: '
            'give all names in "columns"'
        )


def check_width(descriptor: int, path: str, delimiter: str, width: int) -> None:
    """Raises NotReadable for a row with fewer or more fields than the first one has, and for an empty line.

    Counts separators at the speed of memory; only where their number is odd are rows looked at.
    """
    separators, lines = _count(descriptor, delimiter.encode())
    if width < 2 or separators == lines * (width - 1):
        return
    last = 0
    try:
        for line, fields in _numbered_rows(path, delimiter):
            if len(fields) != width:
                advice = '; with "short_rows": "fill" the missing ones are null' if len(fields) < width else ""
                raise NotReadable(f"line {last + 1:,} has {len(fields)} fields, and the first has {width}{advice}")
            last = line
    except csv.Error:
        return  # Polars has its own view of such quotes, and reads or refuses them


def _count(descriptor: int, delimiter: bytes) -> tuple[int, int]:
    separators = lines = position = 0
    inside = 0  # 1 within quotes
    last = b"\n"
    while chunk := os.pread(descriptor, CHUNK, position):
        position += len(chunk)
        last = chunk[-1:]
        if inside or b'"' in chunk:
            pieces = chunk.split(b'"')
            chunk = b"".join(pieces[inside::2])
            inside ^= (len(pieces) - 1) & 1
        separators += chunk.count(delimiter)
        lines += chunk.count(b"\n")
    return separators, lines + (last != b"\n")


def _numbered_rows(path: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(2**31 - 1)
    with open(path, "rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter)
        for fields in reader:
            yield reader.line_num, fields
