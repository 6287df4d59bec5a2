import json

import polars as pl
import pytest

from tasks.states import FailureCategory

ROWS = [{"a": 1, "b": 'say "hi", twice\nor so'}, {"a": None, "b": "größer"}, {"a": 3, "b": None}]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.ndjson", "t.parquet"])
def test_what_is_written_is_read_again(root, process, name):
    result = process({"source": {"rows": ROWS}, "sink": {"path": name}})
    assert (result["rows_out"], result["path"], result["bytes"]) == (3, name, (root / name).stat().st_size)
    assert "rows" not in result
    assert process({"source": {"path": name}})["rows"] == ROWS


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_format_can_be_named_against_the_suffix(root, process, kind):
    process({"source": {"rows": ROWS}, "sink": {"path": "plain.txt", "format": kind}})
    assert process({"source": {"path": "plain.txt", "format": kind}})["rows"] == ROWS


def test_files_are_what_others_expect(root, process):
    rows = {"rows": [{"a": 1, "b": "x,y"}, {"a": None, "b": "z"}]}
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        process({"source": rows, "sink": {"path": name}})
    assert (root / "t.csv").read_text() == 'a,b\n1,"x,y"\n,z\n'
    lines = (root / "t.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == rows["rows"]
    assert pl.read_parquet(root / "t.parquet").to_dicts() == rows["rows"]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_result_without_rows_is_a_file_all_the_same(root, process, name):
    nothing = [{"op": "filter", "where": "a > 99"}]
    result = process({"source": {"rows": ROWS}, "steps": nothing, "sink": {"path": name}})
    assert (result["rows_out"], [column["name"] for column in result["columns"]]) == (0, ["a", "b"])
    assert (root / name).exists()


def test_csv_has_its_options(root, process):
    (root / "in.txt").write_text("1;NA;2026-01-02\n2;7;-\n")
    source = {
        "path": "in.txt",
        "format": "csv",
        "delimiter": ";",
        "has_header": False,
        "columns": ["id", "n", "day"],
        "null_values": ["NA", "-"],
        "dtypes": {"id": "string", "day": "date"},
    }
    result = process({"source": source, "sink": {"path": "out.csv", "delimiter": "\t"}})
    assert [column["dtype"] for column in result["columns"]] == ["String", "Int64", "Date"]
    assert (root / "out.csv").read_text() == "id\tn\tday\n1\t\t2026-01-02\n2\t7\t\n"


def test_dtypes_hold_for_every_source(root, process):
    rows = [{"d": "2026-01-02T03:04:05Z", "n": "007"}]
    for name in ("in.csv", "in.jsonl", "in.parquet"):
        process({"source": {"rows": rows}, "sink": {"path": name}})
    expected = [{"d": "2026-01-02T03:04:05+00:00", "n": 7}]
    for source in ({"rows": rows}, {"path": "in.csv"}, {"path": "in.jsonl"}, {"path": "in.parquet"}):
        assert process({"source": source | {"dtypes": {"d": "datetime_utc", "n": "integer"}}})["rows"] == expected
    assert process({"source": {"path": "in.csv", "dtypes": {"n": "string"}}})["rows"] == rows


def test_rows_may_lack_keys_and_mix_numbers(process):
    rows = process({"source": {"rows": [{"a": 1}, {"a": 2.5, "b": [1, {"c": 2}][:1]}, {}]}})["rows"]
    assert rows == [{"a": 1.0, "b": None}, {"a": 2.5, "b": [1]}, {"a": None, "b": None}]


def test_rows_of_named_types_may_be_none(process):
    result = process({"source": {"rows": [], "dtypes": {"a": "integer"}}})
    assert (result["rows"], result["columns"]) == ([], [{"name": "a", "dtype": "Int64"}])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"rows": [{"a": {"x": 1}}, {"a": 3}]}, 'the values of the column "a" have types that do not go together'),
        ({"rows": [{"a": [1, "x"]}]}, "unexpected value"),
        ({"rows": [{"a": 2**200}]}, "too large"),
        ({"rows": [{"a": 1}], "dtypes": {"b": "date"}}, 'the data has no column "b"; there are: "a"'),
    ],
)
def test_rows_that_make_no_table_are_refused(failure_of, source, message):
    failure = failure_of({"source": source})
    assert str(failure).startswith("source: ")
    assert message in str(failure)
    assert (failure.category, failure.retryable) == (FailureCategory.INVALID_PAYLOAD, False)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.csv", b"", "source (in.csv): empty CSV"),
        ("in.csv", b"a,b\n1,2,3\n", "line 2 has 3 fields, and the first has 2"),
        ("in.csv", b"a\n" + b"1\n" * 20_000 + b"x\n", 'name the column\'s type in "dtypes"'),
        ("in.csv", b"a,b\n1,caf\xe9\n", "must be in UTF-8"),
        ("in.jsonl", b'{"a": 1}\n{"a":', "source (in.jsonl): "),
        ("in.jsonl", b"[1, 2]\n", "source (in.jsonl): "),
        ("in.jsonl", b'{"a": 1}\n' * 20_000 + b'{"a": "x"}\n', 'name the column\'s type in "dtypes"'),
        ("in.parquet", b"nothing of the kind", "source (in.parquet): parquet"),
    ],
)
def test_a_broken_file_is_refused_with_a_reason(root, failure_of, name, content, message):
    (root / name).write_bytes(content)
    failure = failure_of({"source": {"path": name}, "sink": {"path": "out.csv"}})  # a result reads its first rows only
    assert message in str(failure)
    assert (failure.category, failure.retryable) == (FailureCategory.INVALID_PAYLOAD, False)
    assert "/dev/fd" not in str(failure)
    assert "infer_schema_length" not in str(failure)


def test_columns_must_be_as_many_as_the_file_has(root, failure_of):
    (root / "in.csv").write_text("1,2\n")
    failure = failure_of({"source": {"path": "in.csv", "has_header": False, "columns": ["a"]}})
    assert str(failure) == "source (in.csv): columns has 1 names, and the file has 2 columns"


def test_csv_refuses_lists_and_objects_and_the_others_take_them(root, process, failure_of):
    source = {"rows": [{"a": [1, 2], "b": {"c": 3}}]}
    assert 'the column "a" holds such' in str(failure_of({"source": source, "sink": {"path": "t.csv"}}))
    assert list(root.iterdir()) == []
    for name in ("t.jsonl", "t.parquet"):
        process({"source": source, "sink": {"path": name}})
        assert process({"source": {"path": name}})["rows"] == source["rows"]


def test_a_full_disk_may_be_better_next_time(root, failure_of, monkeypatch):
    from tasks.handlers.data_processing.frames.running import Query

    monkeypatch.setattr(Query, "write", lambda self, descriptor, name: "/dev/full")
    failure = failure_of({"source": {"rows": [{"a": "x" * 1000}] * 100}, "sink": {"path": "t.csv"}})
    assert "No space left on device" in str(failure)
    assert (failure.category, failure.retryable) == (FailureCategory.CODE_ERROR, None)
    assert list(root.iterdir()) == []


def test_many_rows_are_counted_as_they_are_written(root, process):
    lines = [{"op": "join", "how": "cross", "with": {"rows": [{"b": n} for n in range(500)]}}]
    source = {"rows": [{"a": "two\nlines" if n % 3 else None} for n in range(500)]}
    for name in ("t.csv", "t.jsonl", "t.parquet"):
        assert process({"source": source, "steps": lines, "sink": {"path": name}})["rows_out"] == 250_000
        counted = [{"op": "aggregate", "metrics": {"n": "count(*)"}}]
        assert process({"source": {"path": name}, "steps": counted})["rows"] == [{"n": 250_000}]
