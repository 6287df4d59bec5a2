"""The step `validate`: what passes, what is written aside with its reasons, and when the task fails."""

import csv
import json
import math
import os

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from tasks.handlers.data_processing import DataProcessing
from tasks.handlers.data_processing.frames.shortcuts import certainly_valid
from tasks.handlers.data_processing.frames.validating import _without_nulls
from tasks.states import FailureCategory

ROWS = [
    {"id": 1, "name": "ann", "amount": 10.5},
    {"id": 2, "name": "", "amount": 3.0},
    {"id": 3, "name": "cy", "amount": -1.0},
    {"id": 4, "name": None, "amount": -2.0},
]
SCHEMA = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"name": {"type": "string", "minLength": 1}, "amount": {"type": "number", "minimum": 0}},
}
EXPECTED = {
    2: "name: '' should be non-empty",
    3: "amount: -1.0 is less than the minimum of 0",
    4: "'name' is a required property; amount: -2.0 is less than the minimum of 0",
}


def step(schema=None, **options):
    return {"op": "validate", "schema": SCHEMA if schema is None else schema, **options}


def rejects_in(path):
    if path.suffix == ".csv":
        return list(csv.DictReader(path.read_text().splitlines()))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return pl.read_parquet(path).to_dicts()


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_good_rows_pass_and_the_others_are_written_with_their_reasons(root, process, kind):
    rejects = {"path": f"deep/rejects.{kind}"}
    result = process({"source": {"rows": ROWS}, "steps": [step(rejects=rejects)], "sink": {"path": "good.csv"}})
    assert [row["id"] for row in rejects_in(root / "good.csv")] == ["1"]
    found = rejects_in(root / "deep" / f"rejects.{kind}")
    assert [(int(row["reject_row"]), row["reject_reasons"]) for row in found] == list(EXPECTED.items())
    assert [int(row["id"]) for row in found] == [2, 3, 4]
    (told,) = result["validation"]
    assert {name: told[name] for name in ("step", "rows", "valid", "rejected", "path")} == {
        "step": "steps[0] (validate)",
        "rows": 4,
        "valid": 1,
        "rejected": 3,
        "path": f"deep/rejects.{kind}",
    }
    assert told["samples"][0] == {"row": 2, "reasons": EXPECTED[2]}
    assert result["rows_out"] == 1
    assert {path.name for path in root.iterdir()} == {"good.csv", "deep"}
    assert [path.name for path in (root / "deep").iterdir()] == [f"rejects.{kind}"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_without_rejects_the_file_is_there_all_the_same(root, process, kind):
    process({"source": {"rows": ROWS[:1]}, "steps": [step(rejects={"path": f"r.{kind}"})]})
    assert rejects_in(root / f"r.{kind}") == []


def test_every_row_is_judged_however_few_are_returned(root, process):
    steps = [step(rejects={"path": "r.jsonl"}), {"op": "limit", "rows": 1}]
    for payload in ({"steps": steps}, {"steps": steps[:1], "limit": 1}):
        result = process({"source": {"rows": ROWS[::-1]}, **payload})
        assert (result["rows"], result["validation"][0]["rejected"]) == ([ROWS[0]], 3)
        assert len(rejects_in(root / "r.jsonl")) == 3


def test_nulls_are_missing_or_null_as_the_step_says(process):
    rows = [{"a": 1, "b": None}]
    allowed = {"properties": {"b": {"type": ["string", "null"]}}, "required": ["b"]}
    refused = {"properties": {"b": {"type": "string"}}}
    for schema, nulls, rejected in (
        (allowed, "absent", 1),
        (allowed, "null", 0),
        (refused, "absent", 0),
        (refused, "null", 1),
    ):
        result = process({"source": {"rows": rows}, "steps": [step(schema, nulls=nulls, max_rejects=5)]})
        assert result["validation"][0]["rejected"] == rejected


def test_lists_and_objects_are_judged_to_their_depth(process):
    item = {"type": "object", "properties": {"price": {"type": "number", "exclusiveMinimum": 0}}, "required": ["price"]}
    schema = {"properties": {"items": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}}}}
    rows = [{"items": [{"price": 1}]}, {"items": [{"price": 2}, {"price": 0}]}, {"items": []}, {"items": [{"no": 1}]}]
    result = process({"source": {"rows": rows}, "steps": [step(schema | {"$defs": {"item": item}}, max_rejects=9)]})
    assert [sample["reasons"] for sample in result["validation"][0]["samples"]] == [
        "items.1.price: 0 is less than or equal to the minimum of 0",
        "items: [] should be non-empty",
        "items.0: 'price' is a required property",
    ]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "more than 0 rejects (max_rejects)"),
        ({"rejects": {"path": "r.csv"}, "max_rejects": 2}, "more than 2 rejects (max_rejects)"),
        ({"rejects": {"path": "r.csv"}, "max_reject_share": 0.7}, "3 of 4 rows so far are refused, more than 70.0000%"),
    ],
)
def test_too_many_rejects_fail_the_task_and_leave_no_file(root, failure_of, limits, message):
    failure = failure_of({"source": {"rows": ROWS}, "steps": [step(**limits)], "sink": {"path": "good.csv"}})
    assert message in str(failure)
    assert str(failure).startswith("steps[0] (validate): ")
    assert any(f"row {row}: {reasons}" in str(failure) for row, reasons in EXPECTED.items())
    assert (failure.category, failure.retryable) == (FailureCategory.INVALID_PAYLOAD, False)
    assert failure.details["validation"][0]["samples"][0]["row"] in EXPECTED
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("limits", [{"max_rejects": 3}, {"max_reject_share": 0.75}])
def test_as_many_as_the_limit_are_borne(process, limits):
    assert process({"source": {"rows": ROWS}, "steps": [step(**limits)]})["validation"][0]["rejected"] == 3


def test_what_fails_later_leaves_the_older_rejects(root, failure_of):
    (root / "r.csv").write_text("older")
    later = {"op": "derive", "columns": {"x": "CAST(name AS INT)"}}
    failure_of({"source": {"rows": ROWS}, "steps": [step(rejects={"path": "r.csv"}), later], "sink": {"path": "g.csv"}})
    assert {path.name: path.read_text() for path in root.iterdir()} == {"r.csv": "older"}


def test_the_rejects_may_not_be_a_source_under_another_name(root, failure_of):
    (root / "in.csv").write_text("a\n1\n")
    os.link(root / "in.csv", root / "r.csv")
    failure = failure_of({"source": {"path": "in.csv"}, "steps": [step({}, rejects={"path": "r.csv"})]})
    assert "the file of rejects 'r.csv' is one of the sources" in str(failure)


def test_rejects_that_csv_cannot_hold_are_refused_before_the_run(failure_of):
    failure = failure_of({"source": {"rows": [{"a": [1]}]}, "steps": [step({}, rejects={"path": "r.csv"})]})
    assert 'steps[0] (validate): CSV has no lists and objects, and the column "a" of rejects' in str(failure)


def test_a_schema_that_never_ends_is_a_mistake(failure_of):
    failure = failure_of({"source": {"rows": ROWS}, "steps": [step({"$ref": "#"})]})
    assert "refers to itself without end" in str(failure)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "nope"}, "'nope' is not valid"),
        ({"$ref": "https://example.com/schema.json"}, "references stay within the schema"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "references stay within the schema"),
        ({"properties": {"a": {"$ref": "#/$defs/none"}}}, "leads nowhere"),
        ({"properties": {"a": {"$id": "https://example.com/x"}}}, "at the top of a schema only"),
        ({"$schema": "https://example.com/mine"}, "$schema is none of"),
        ({"properties": {"a": {"pattern": "("}}}, "is not understood"),
        ({"properties": {"a": {"pattern": "(?=a)"}}}, "is not understood"),
        ({"properties": {"a": {"format": "phone"}}}, "the format 'phone' is not checked here; there are date,"),
        ({"patternProperties": {"(a+)+$": {}}}, "patternProperties is not taken"),
    ],
)
def test_a_wrong_schema_is_refused_at_submit(schema, message):
    with pytest.raises(ValidationError) as raised:
        DataProcessing.model_validate({"source": {"rows": ROWS}, "steps": [step(schema)]})
    (error,) = raised.value.errors()
    assert error["loc"] == ("steps", 0, "schema")
    assert message in error["msg"]


def test_columns_may_be_called_like_keywords(process):
    schema = {"properties": {"pattern": {"type": "string"}, "format": {"const": "x"}, "$ref": {"type": "integer"}}}
    rows = [{"pattern": "(", "format": "x", "$ref": 1}]
    assert process({"source": {"rows": rows}, "steps": [step(schema)]})["rows"] == rows


@pytest.mark.timeout(20)
def test_a_pattern_takes_no_longer_than_its_text(process):
    text = "a" * 50_000 + "!"
    for schema in (
        {"properties": {"a": {"pattern": "^(a+)+$"}}},
        {"allOf": [{"properties": {"a": {"pattern": "(a|a)*$"}}}]},
    ):
        result = process({"source": {"rows": [{"a": text}]}, "steps": [step(schema, max_rejects=1)]})
        assert result["validation"][0]["rows"] == 1


# --- The shortcut of Polars says yes only where jsonschema does -------------------------------------------------------

_NUMBERS = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 1.0, -1.5, 2**53, 2**53 + 1, 2**63, -(2**63), 1e300]))
_CELLS = {
    "i": st.none() | st.integers(-3, 3) | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63)]),
    "f": st.none() | st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.5, 2.0**53, 1e300, math.nan, math.inf]),
    "s": st.none() | st.sampled_from(["", "a", "ab", "é", "👍🏽", "a\n", "1", "x" * 5]),
    "b": st.none() | st.booleans(),
}
_VALUES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["integer", "number", "string", "boolean", "null", ["string", "null"], ["integer"]]),
        "minimum": _NUMBERS,
        "maximum": _NUMBERS,
        "exclusiveMinimum": _NUMBERS,
        "exclusiveMaximum": _NUMBERS,
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "pattern": st.sampled_from(["^a", "b$", "^.$", "[0-9]"]),
        "enum": st.lists(st.one_of(_NUMBERS, st.booleans(), st.none(), st.sampled_from(["a", "1"])), max_size=3),
        "const": st.one_of(_NUMBERS, st.booleans(), st.none(), st.just("a")),
        "title": st.just("a note"),
        "multipleOf": st.just(2),
    },
)
_SCHEMAS = st.fixed_dictionaries(
    {
        "properties": st.dictionaries(
            st.sampled_from(["i", "f", "s", "b", "other"]), _VALUES | st.booleans(), max_size=4
        )
    },
    optional={
        "required": st.lists(st.sampled_from(["i", "s", "other"]), unique=True, max_size=2),
        "additionalProperties": st.booleans(),
        "type": st.sampled_from(["object", "array", ["object", "null"]]),
        "minProperties": st.just(2),
    },
)


@given(schema=_SCHEMAS, rows=st.lists(st.fixed_dictionaries(_CELLS), min_size=1, max_size=4), absent=st.booleans())
def test_the_shortcut_accepts_nothing_that_the_schema_refuses(schema, rows, absent):
    frame = pl.DataFrame(rows, schema={"i": pl.Int64, "f": pl.Float64, "s": pl.String, "b": pl.Boolean})
    certain = frame.select(ok=certainly_valid(schema, dict(frame.schema), nulls_are_absent=absent).and_(pl.lit(True)))
    verdicts = certain["ok"].to_list() * (len(rows) if certain.height == 1 else 1)
    judge = Draft202012Validator(schema)
    for row, sure in zip(rows, verdicts, strict=False):
        value = {
            name: None if isinstance(cell, float) and not math.isfinite(cell) else cell for name, cell in row.items()
        }
        assert sure is not None
        assert not sure or judge.is_valid(_without_nulls(value) if absent else value)


def test_the_shortcut_knows_the_usual_keywords():
    frame = pl.DataFrame({"i": [1, 5, None], "s": ["ab", "b", "a"]})
    schema = {
        "type": "object",
        "required": ["s"],
        "properties": {
            "i": {"type": "integer", "maximum": 3},
            "s": {"type": "string", "pattern": "^a", "enum": ["ab", "a"]},
        },
        "additionalProperties": False,
    }
    certain = frame.select(certainly_valid(schema, dict(frame.schema), nulls_are_absent=True))
    assert certain.to_series().to_list() == [True, False, True]
