"""Every step on 336,776 real rows, held against what SQLite makes of the same file."""

import csv
import sqlite3
import uuid
from pathlib import Path

import pytest

from tasks.context import TaskContext
from tasks.handlers.data_processing import DataProcessing, data_processing
from tasks.handlers.data_processing.frames import running
from tests.tasks.handlers.data_processing.flights import FLIGHTS, ROWS, database_of, lay_out

pytestmark = pytest.mark.embedded  # real programs or much data

BEYOND = {
    "type": "object",
    "required": ["tailnum"],
    "properties": {
        "dep_delay": {"type": "integer", "maximum": 600},
        "origin": {"enum": ["EWR", "JFK", "LGA"]},
        "tailnum": {"type": "string", "pattern": "^N[0-9A-Z]+$"},
    },
}
BEYOND_IN_SQL = """
    tailnum IS NULL OR dep_delay > 600 OR origin NOT IN ('EWR', 'JFK', 'LGA')
    OR tailnum NOT GLOB 'N?*' OR substr(tailnum, 2) GLOB '*[^0-9A-Z]*'
"""

# Steps, and the query that makes the same rows in the same order.
STEPS = {
    "filter": (
        [{"op": "filter", "where": "dep_delay > 120 AND carrier IN ('UA', 'DL')"}],
        "SELECT * FROM flights WHERE dep_delay > 120 AND carrier IN ('UA', 'DL') ORDER BY rowid",
    ),
    "derive, select, rename": (
        [
            {"op": "derive", "columns": {"gain": "dep_delay - arr_delay", "route": "origin || '-' || dest"}},
            {"op": "select", "columns": ["route", "gain", "flight"]},
            {"op": "rename", "columns": {"flight": "number"}},
            {"op": "filter", "where": "gain > 60"},
        ],
        "SELECT origin || '-' || dest, dep_delay - arr_delay AS n, flight FROM flights WHERE n > 60 ORDER BY rowid",
    ),
    "aggregate, sort": (
        [
            {
                "op": "aggregate",
                "by": ["carrier", "month"],
                "metrics": {
                    "flights": "count(*)",
                    "flown": "count(air_time)",
                    "miles": "sum(distance)",
                    "most": "max(arr_delay)",
                },
            },
            {"op": "sort", "by": ["miles", "carrier", "month"], "descending": [True, False, False]},
        ],
        (
            "SELECT carrier, month, count(*), count(air_time), sum(distance) AS miles, max(arr_delay) FROM flights "
            "GROUP BY carrier, month ORDER BY miles DESC, carrier, month"
        ),
    ),
    "sort, limit": (
        [{"op": "sort", "by": ["arr_delay", "time_hour"], "descending": [True, False]}, {"op": "limit", "rows": 500}],
        "SELECT * FROM flights ORDER BY arr_delay DESC NULLS LAST, time_hour, rowid LIMIT 500",
    ),
    "join": (
        [
            {"op": "filter", "where": "distance > 2500"},
            {"op": "join", "on": ["carrier"], "how": "left", "with": {"path": "airlines.csv"}},
            {"op": "select", "columns": ["flight", "name"]},
        ],
        "SELECT flight, name FROM flights f LEFT JOIN airlines USING (carrier) WHERE distance > 2500 ORDER BY f.rowid",
    ),
    "deduplicate": (
        [{"op": "deduplicate", "by": ["tailnum"]}, {"op": "select", "columns": ["tailnum", "flight", "day"]}],
        (
            "SELECT tailnum, flight, day FROM flights WHERE rowid IN (SELECT min(rowid) FROM flights GROUP BY tailnum) "
            "ORDER BY rowid"
        ),
    ),
    "cast": (
        [
            {"op": "cast", "columns": {"time_hour": "datetime_utc", "distance": "float"}},
            {
                "op": "aggregate",
                "by": ["month"],
                "metrics": {"first": "min(EXTRACT(hour FROM time_hour))", "mean": "sum(distance) / 2"},
            },
        ],
        (
            "SELECT month, min(CAST(substr(time_hour, 12, 2) AS INT)), sum(distance) / 2.0 FROM flights "
            "GROUP BY month ORDER BY min(rowid)"
        ),
    ),
    "validate": (
        [
            {"op": "validate", "schema": BEYOND, "max_rejects": ROWS},
            {"op": "aggregate", "by": ["origin"], "metrics": {"n": "count(*)"}},
        ],
        f"SELECT origin, count(*) FROM flights WHERE ({BEYOND_IN_SQL}) IS NOT TRUE GROUP BY origin ORDER BY min(rowid)",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made: Path = tmp_path_factory.mktemp("flights")
    lay_out(made)
    return made


@pytest.fixture(scope="module")
def database(folder) -> sqlite3.Connection:
    return database_of(folder)


@pytest.fixture
def fly(settings, folder):
    settings.DATA_ROOT = folder

    def run(payload, **context):
        ctx = TaskContext(task_id=uuid.uuid4(), type="data_processing", attempt=1, timeout=600, **context)
        return data_processing(ctx, DataProcessing.model_validate({"source": FLIGHTS} | payload))

    return run


def cells_of(path: Path) -> list[tuple]:
    """Reads CSV as Python does; numbers as such, so that 2 and 2.0 are the same."""

    def value(cell):
        try:
            return float(cell)
        except ValueError:
            return cell or None

    with path.open(newline="") as file:
        return [tuple(map(value, row)) for row in csv.reader(file)][1:]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_makes_of_all_flights_what_sql_makes_of_them(folder, database, fly, name):
    steps, query = STEPS[name]
    fly({"steps": steps, "sink": {"path": "out.csv"}})
    expected = database.execute(query).fetchall()
    assert len(expected) > 1
    assert cells_of(folder / "out.csv") == expected


def test_rejects_are_those_that_sql_finds(folder, database, fly):
    result = fly({"steps": [{"op": "validate", "schema": BEYOND, "rejects": {"path": "rejects.csv"}}], "limit": 1})
    expected = database.execute(f"SELECT rowid, flight FROM flights WHERE {BEYOND_IN_SQL} ORDER BY rowid").fetchall()
    assert result["validation"][0]["rows"] == ROWS
    assert result["validation"][0]["rejected"] == len(expected) > 2_500
    with (folder / "rejects.csv").open(newline="") as file:
        assert [(int(row["reject_row"]), int(row["flight"])) for row in csv.DictReader(file)] == expected


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_each_format_keeps_all_flights(folder, database, fly, kind):
    assert fly({"sink": {"path": f"copy.{kind}"}})["rows_out"] == ROWS
    metrics = {"n": "count(*)", "miles": "sum(distance)", "late": "sum(arr_delay)", "planes": "count(DISTINCT tailnum)"}
    (found,) = fly({"source": {"path": f"copy.{kind}"}, "steps": [{"op": "aggregate", "metrics": metrics}]})["rows"]
    query = "SELECT count(*), sum(distance), sum(arr_delay), count(DISTINCT tailnum) FROM flights"
    assert (found["n"], found["miles"], found["late"]) == database.execute(query).fetchone()[:3]
    (folder / f"copy.{kind}").unlink()


def test_progress_moves_with_the_rows(fly, monkeypatch):
    monkeypatch.setattr(running, "REPORT", 0.0)
    monkeypatch.setattr(running, "POLL", 0.01)
    said: list[tuple[float, str]] = []
    doubtful = {"properties": {"month": {"multipleOf": 1}}}
    steps = [{"op": "limit", "rows": 15_000}, {"op": "validate", "schema": doubtful}]
    fly({"steps": steps, "limit": 1}, write_progress=lambda fraction, text: said.append((fraction, text)))
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) >= 10
    assert said[0] == (0.0, "planning")
    assert any("rows read" in text and "validated" in text for _, text in said)
