from typing import Literal

import pytest
from pydantic import ValidationError

from tasks import registry
from tasks.handlers.data_processing import DataProcessing, data_processing, operations
from tasks.handlers.data_processing.operations import OperationPayload, operation
from tasks.states import Kind

ROWS = {"rows": [{"a": 1}]}


def complaints_of(payload) -> dict[tuple, str]:
    with pytest.raises(ValidationError) as raised:
        DataProcessing.model_validate(payload)
    return {error["loc"]: error["msg"] for error in raised.value.errors()}


def test_the_type_is_registered():
    handler = registry.get("data_processing")
    assert (handler.function, handler.payload, handler.queue) == (data_processing, DataProcessing, "data")
    assert (handler.kind, handler.timeout) == (Kind.PLAIN, 600)


@pytest.mark.parametrize(
    ("payload", "path", "message"),
    [
        ({"operation": "nope"}, ("operation",), "there is no operation 'nope'; there are: transform"),
        ({"operation": 3}, ("operation",), "there is no operation 3"),
        ([], (), "dictionary"),
        ({}, ("source",), "required"),
        ({"source": ROWS, "stpes": []}, ("stpes",), "not permitted"),
        ({"source": {}}, ("source",), 'give either "rows" or "path"'),
        ({"source": ROWS | {"path": "a.csv"}}, ("source",), 'give either "rows" or "path"'),
        ({"source": 3}, ("source",), "dictionary"),
        ({"source": {"rows": [1]}}, ("source", "rows", 0), "dictionary"),
        ({"source": {"rows": []}}, ("source", "rows"), "at least one row"),
        ({"source": ROWS | {"dtypes": {"a": "int"}}}, ("source", "dtypes", "a"), "'integer'"),
        ({"source": {"path": "a.xlsx"}}, ("source", "format"), "name the format"),
        ({"source": {"path": "a.csv", "delimiter": '"'}}, ("source", "delimiter"), "pattern"),
        ({"source": {"path": "a.csv", "columns": ["a", "a"]}}, ("source", "columns"), "a is named more than once"),
        ({"source": {"path": "a.csv", "columns": ["a"], "dtypes": {"b": "date"}}}, ("source", "dtypes", "b"), "no 'b'"),
        ({"source": {"path": "a.parquet", "has_header": True}}, ("source", "has_header"), "is for CSV"),
        ({"source": ROWS, "sink": {"path": "a.jsonl", "delimiter": ";"}}, ("sink", "delimiter"), "is for CSV"),
        ({"source": ROWS, "sink": {"path": "a"}}, ("sink", "format"), "name the format"),
        ({"source": {"path": "a.csv"}, "sink": {"path": "./x/../a.csv"}}, ("sink", "path"), ".."),
        ({"source": {"path": "a.csv"}, "sink": {"path": ".//a.csv"}}, ("sink", "path"), "one of the sources"),
        ({"source": ROWS, "limit": 10_001}, ("limit",), "10000"),
        ({"source": ROWS, "limit": 0}, ("limit",), "1"),
    ],
)
def test_a_mistake_is_found_at_its_path(payload, path, message):
    assert message in complaints_of(payload)[path]


@pytest.mark.parametrize(
    ("step", "path", "message"),
    [
        ({"op": "nope"}, (), "'filter', 'derive', 'select'"),
        ({"where": "a > 1"}, (), "op"),
        ("filter", (), "dictionary"),
        ({"op": ["filter"]}, (), "op"),
        ({"op": "filter"}, ("where",), "required"),
        ({"op": "filter", "where": "a >"}, ("where",), "not one complete expression"),
        ({"op": "filter", "where": "(SELECT 1)"}, ("where",), "belongs to a query"),
        ({"op": "filter", "where": "a" * 3_000}, ("where",), "2000"),
        ({"op": "filter", "where": "a > 1", "x": 1}, ("x",), "not permitted"),
        ({"op": "derive", "columns": {}}, ("columns",), "at least 1"),
        ({"op": "derive", "columns": {"x": "read_csv('/etc/passwd')"}}, ("columns", "x"), "no function read_csv"),
        ({"op": "select", "columns": ["a", "a"]}, ("columns",), "more than once"),
        ({"op": "cast", "columns": {"a": "nope"}}, ("columns", "a"), "'datetime_utc'"),
        ({"op": "aggregate", "by": ["a"], "metrics": {"a": "sum(b)"}}, ("metrics", "a"), "in by already"),
        ({"op": "aggregate", "metrics": {"n": "sum("}}, ("metrics", "n"), "never closed"),
        ({"op": "sort", "by": ["a"], "descending": [True, False]}, ("descending",), "2 values for 1 columns"),
        ({"op": "join", "with": ROWS}, ("on",), "give either on, or left_on and right_on"),
        ({"op": "join", "with": ROWS, "on": ["a"], "left_on": ["a"]}, ("on",), "give either on"),
        ({"op": "join", "with": ROWS, "on": ["a"], "how": "cross"}, ("on",), "takes no keys"),
        ({"op": "join", "with": ROWS, "left_on": ["a"], "right_on": ["b", "c"]}, ("right_on",), "2 keys on the right"),
        ({"op": "join", "with": {"path": "/x.csv"}, "on": ["a"]}, ("with", "path"), "relative to DATA_ROOT"),
        ({"op": "limit", "rows": -1}, ("rows",), "0"),
    ],
)
def test_a_mistake_in_a_step_is_found_at_its_path(step, path, message):
    complaints = complaints_of({"source": ROWS, "steps": [{"op": "limit", "rows": 1}, step]})
    assert message in complaints[("steps", 1, *path)]


def test_the_right_side_of_a_join_may_not_be_the_sink():
    step = {"op": "join", "on": ["a"], "with": {"path": "b.csv"}}
    complaints = complaints_of({"source": ROWS, "steps": [step], "sink": {"path": "b.csv"}})
    assert complaints == {("sink", "path"): "the sink is one of the sources"}


def test_every_mistake_is_reported_at_once():
    payload = {"source": {"path": "/a.csv"}, "steps": [{"op": "filter", "where": "("}, {"op": "limit"}], "limit": 0}
    assert set(complaints_of(payload)) == {("source", "path"), ("steps", 0, "where"), ("steps", 1, "rows"), ("limit",)}


def test_the_schema_is_an_object_with_examples_that_are_valid():
    schema = DataProcessing.model_json_schema()
    assert schema["type"] == "object"
    assert set(schema["properties"]) == {"operation", "source", "steps", "sink", "batches", "batch", "limit"}
    for example in schema["examples"]:
        DataProcessing.model_validate(example)
    steps = [each for each in schema["$defs"].values() if "op" in each.get("properties", {})]
    assert len(steps) == 11
    for step in steps:
        assert step["description"]
        DataProcessing.model_validate({"source": ROWS, "steps": step["examples"]})


@pytest.fixture
def another_operation(monkeypatch):
    """An operation as a package beside Taskyard would register it, long after the payload's model was made."""
    monkeypatch.setattr(operations, "_operations", dict(operations._operations))

    class Count(OperationPayload):
        operation: Literal["count"] = "count"
        things: list[int]

    @operation("count", payload=Count)
    def count(ctx, payload):
        return {"count": len(payload.things)}

    return count


def test_an_operation_is_chosen_by_its_name(process, another_operation):
    assert process({"operation": "count", "things": [1, 2, 3]}) == {"count": 3}
    assert process({"operation": "transform", "source": ROWS})["rows"] == ROWS["rows"]
    assert complaints_of({"operation": "count", "things": [1, "x"]})[("things", 1)]


def test_the_schema_tells_of_all_operations(another_operation):
    schema = DataProcessing.model_json_schema()
    count, transform = schema["oneOf"]
    assert (count["properties"]["operation"]["const"], count["required"]) == ("count", ["things", "operation"])
    assert (transform["properties"]["operation"]["const"], transform["required"]) == ("transform", ["source"])


def test_a_name_is_given_to_one_operation_only(another_operation):
    with pytest.raises(ValueError, match="registered twice"):
        operation("transform", payload=OperationPayload)(another_operation)
    operation("count", payload=OperationPayload)(another_operation)  # a module may be imported again


def test_a_validated_payload_is_dumped_as_it_came():
    payload = {"source": ROWS, "steps": [{"op": "join", "on": ["a"], "with": ROWS}]}
    dumped = DataProcessing.model_validate(payload).model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert dumped == payload
    assert DataProcessing.model_validate(dumped) == DataProcessing.model_validate(payload)
