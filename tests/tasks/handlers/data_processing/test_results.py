import json
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import polars as pl
import pytest

from tasks.handlers.data_processing.frames.results import json_value, rows_of


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**100, 2**100),
        ("ä\n", "ä\n"),
        (1.5, 1.5),
        (float("nan"), None),
        (float("inf"), None),
        (float("-inf"), None),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime.fromisoformat("2026-01-02 03:04:05"), "2026-01-02T03:04:05"),
        (datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T00:00:00+02:00"),
        (time(3, 4), "03:04:00"),
        (timedelta(days=1, seconds=61), "P1DT00H01M01S"),
        (b"\x00\xff", "AP8="),
        ([1.0, float("nan"), [date(2026, 1, 2)]], [1.0, None, ["2026-01-02"]]),
        ({"x": {"y": Decimal("1.0")}}, {"x": {"y": "1.0"}}),
    ],
)
def test_every_value_becomes_json(value, expected):
    assert json_value(value) == expected
    json.dumps(json_value(value), allow_nan=False)


def test_every_type_of_polars_becomes_json():
    moment = datetime.fromisoformat("2026-01-02 03:04:05.000006")
    frame = pl.DataFrame(
        {
            "decimal": pl.Series([Decimal("1.20")], dtype=pl.Decimal(10, 2)),
            "zoned": pl.Series([moment]).dt.replace_time_zone("Europe/Berlin"),
            "nanoseconds": pl.Series([moment], dtype=pl.Datetime("ns")),
            "duration": pl.Series([timedelta(milliseconds=5)]),
            "category": pl.Series(["x"], dtype=pl.Categorical),
            "choice": pl.Series(["x"], dtype=pl.Enum(["x"])),
            "array": pl.Series([[1, 2]], dtype=pl.Array(pl.Int8, 2)),
            "structs": pl.Series([[{"d": date(2026, 1, 2)}]]),
            "binary": pl.Series([b"x"]),
            "wide": pl.Series([2**100], dtype=pl.Int128),
            "null": pl.Series([None]),
        }
    )
    [row] = rows_of(frame, most_rows=10, most_bytes=10_000)
    json.dumps(row, allow_nan=False)
    assert row["zoned"] == "2026-01-02T03:04:05.000006+01:00"
    assert row["structs"] == [{"d": "2026-01-02"}]
    assert (row["choice"], row["category"], row["array"], row["wide"]) == ("x", "x", [1, 2], 2**100)


def test_expressions_may_give_what_json_lacks(rows_after):
    columns = {"n": "a / 0", "d": "CAST('1.5' AS DECIMAL(10, 2))", "t": "DATE '2026-01-02'", "i": "INTERVAL '1 day'"}
    [row] = rows_after([{"a": 1}], {"op": "derive", "columns": columns})
    assert row == {"a": 1, "n": None, "d": "1.50", "t": "2026-01-02", "i": "P1DT00H00M00S"}


def test_the_limit_cuts_and_says_so(process):
    source = {"rows": [{"a": n} for n in range(5)]}
    cut = process({"source": source, "limit": 3})
    assert (cut["rows"], cut["rows_out"], cut["truncated"]) == (source["rows"][:3], 3, True)
    whole = process({"source": source, "limit": 5})
    assert (whole["rows"], whole["rows_out"], whole["truncated"]) == (source["rows"], 5, False)


def test_rows_are_cut_to_what_a_result_may_hold(process, settings):
    settings.RESULT_LIMIT = 20_000
    result = process({"source": {"rows": [{"a": "ä" * 500} for n in range(100)]}})
    assert result["truncated"] is True
    assert 10 < result["rows_out"] == len(result["rows"]) < 100
    assert len(json.dumps(result, ensure_ascii=False).encode()) <= 20_000


def test_the_result_says_what_came_out(process):
    logged, said = [], []
    result = process(
        {"source": {"rows": [{"a": 1}, {"a": 2}]}, "steps": [{"op": "filter", "where": "a > 1"}]},
        write_log=lambda level, message, fields: logged.append((level, fields)),
        write_progress=lambda fraction, text: said.append(fraction),
    )
    assert result.pop("duration_ms") >= 0
    assert result == {
        "columns": [{"name": "a", "dtype": "Int64"}],
        "rows": [{"a": 2}],
        "rows_out": 1,
        "truncated": False,
    }
    assert logged == [("info", {"rows_out": 1})]
    assert said == sorted(said)
    assert said
