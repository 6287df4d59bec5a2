"""What is wrong with a submission is said with its path, and nothing is stored."""

import math
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.exceptions import InvalidSubmission, PayloadTooLarge
from tasks.models import Task
from tasks.services import submit_given, submit_task, submit_tasks
from tasks.services.preparing import ERRORS_SHOWN
from tasks.storable import DEEPEST

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def nothing_is_stored() -> Iterator[None]:
    yield
    assert Task.objects.count() == 0


def errors(given: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidSubmission) as caught:
        submit_given(given)
    for error in caught.value.errors:
        assert set(error) == {"code", "detail", "attr"}
        assert error["detail"]
        "".join(error.values()).encode()
    return [(error["attr"], error["code"]) for error in caught.value.errors]


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("fields", "attr", "code"),
    [
        ({"type": "no.such.type"}, "type", "unknown_type"),
        ({"type": ""}, "type", "too_short"),
        ({"type": "x" * 101}, "type", "too_long"),
        ({"type": 5}, "type", "string_type"),
        ({"type": "a\x00b"}, "type", "value_error"),
        ({"payload": []}, "payload", "dict_type"),
        ({"payload": None}, "payload", "dict_type"),
        ({"payload": "{}"}, "payload", "dict_type"),
        ({"payload": {"n": math.nan}}, "payload", "not_json"),
        ({"payload": {"n": math.inf}}, "payload", "not_json"),
        ({"payload": {"n": object()}}, "payload", "not_json"),
        ({"payload": {"text": "a\x00b"}}, "payload", "not_json"),
        ({"payload": {"te\x00xt": 1}}, "payload", "not_json"),
        ({"payload": {"text": "a\ud800b"}}, "payload", "not_json"),
        ({"payload": nested(DEEPEST + 1)}, "payload", "not_json"),
        ({"payload": nested(500)}, "payload", "not_json"),
        ({"payload": nested(50_000)}, "payload", "not_json"),
        ({"name": "x" * 201}, "name", "too_long"),
        ({"name": "a\x00b"}, "name", "value_error"),
        ({"name": 5}, "name", "string_type"),
        ({"queue": "no-such-queue"}, "queue", "unknown_queue"),
        ({"queue": ""}, "queue", "too_short"),
        ({"queue": "q" * 61}, "queue", "too_long"),
        ({"priority": -1}, "priority", "greater_than_equal"),
        ({"priority": 10}, "priority", "less_than_equal"),
        ({"priority": "5"}, "priority", "int_type"),
        ({"priority": 5.5}, "priority", "int_type"),
        ({"priority": True}, "priority", "int_type"),
        ({"priority": 10**30}, "priority", "less_than_equal"),
        ({"delay": -1}, "delay", "greater_than_equal"),
        ({"delay": "5"}, "delay", "float_type"),
        ({"delay": True}, "delay", "float_type"),
        ({"delay": math.nan}, "delay", "finite_number"),
        ({"delay": math.inf}, "delay", "finite_number"),
        ({"delay": 1e10}, "delay", "less_than_equal"),
        ({"run_at": 1_900_000_000}, "run_at", "value_error"),
        ({"run_at": "1900000000"}, "run_at", "value_error"),
        ({"run_at": True}, "run_at", "value_error"),
        ({"run_at": "tomorrow"}, "run_at", "value_error"),
        ({"run_at": "2030-01-31"}, "run_at", "value_error"),
        ({"run_at": "2030-01-31T08:00:00"}, "run_at", "timezone_aware"),
        ({"run_at": "2030-02-31T08:00:00Z"}, "run_at", "datetime_from_date_parsing"),
        ({"run_at": "2030-01-31T25:00:00Z"}, "run_at", "datetime_from_date_parsing"),
        ({"run_at": "1969-12-31T23:59:59Z"}, "run_at", "value_error"),
        ({"run_at": "3000-01-01T00:00:00Z"}, "run_at", "value_error"),
        ({"run_at": "0001-01-01T00:00:00+14:00"}, "run_at", "value_error"),
        ({"run_at": "9999-12-31T23:59:59-14:00"}, "run_at", "value_error"),
        ({"delay": 5, "run_at": "2030-01-31T08:00:00Z"}, "", "value_error"),
        ({"max_attempts": 0}, "max_attempts", "greater_than_equal"),
        ({"max_attempts": 101}, "max_attempts", "less_than_equal"),
        ({"max_attempts": True}, "max_attempts", "int_type"),
        ({"timeout": 0}, "timeout", "greater_than"),
        ({"timeout": 8 * 86_400}, "timeout", "less_than_equal"),
        ({"timeout": math.nan}, "timeout", "finite_number"),
        ({"retry": "often"}, "retry", "model_type"),
        ({"retry": {"kind": "often"}}, "retry.kind", "enum"),
        ({"retry": {"base": -1}}, "retry.base", "greater_than_equal"),
        ({"retry": {"tries": 3}}, "retry.tries", "extra_forbidden"),
        ({"retry": {"base": 10, "max": 5}}, "retry", "value_error"),
        ({"tags": "red"}, "tags", "list_type"),
        ({"tags": ["red", 5]}, "tags.1", "string_type"),
        ({"tags": [" "]}, "tags.0", "string_too_short"),
        ({"tags": ["x" * 51]}, "tags.0", "string_too_long"),
        ({"tags": ["a\x00"]}, "tags.0", "value_error"),
        ({"tags": ["t"] * 21}, "tags", "too_long"),
        ({"idempotency_key": ""}, "idempotency_key", "too_short"),
        ({"idempotency_key": "k" * 201}, "idempotency_key", "too_long"),
        ({"idempotency_key": 17}, "idempotency_key", "string_type"),
        ({"colour": "red"}, "colour", "extra_forbidden"),
        ({"\ud800": "red"}, "", "string_unicode"),
        ({"status": "completed"}, "status", "extra_forbidden"),
    ],
)
@pytest.mark.parametrize("keyed", [False, True], ids=["", "keyed"])
def test_a_wrong_field_is_named(fields: dict[str, Any], attr: str, code: str, keyed: bool) -> None:
    key = {"idempotency_key": "k"} if keyed else {}
    assert errors({"type": "sample.noop", **key, **fields}) == [(attr, code)]


def test_a_key_of_the_payload_may_be_what_no_text_can_hold() -> None:
    ((attr, code),) = errors({"type": "sample.noop", "payload": {"\ud800": 1}})
    assert attr.startswith("payload")
    assert code in ("not_json", "string_unicode")


@pytest.mark.parametrize("given", [None, 5, "sample.noop", [], [["type", "sample.noop"]]], ids=str)
def test_a_task_is_an_object(given: Any) -> None:
    assert errors(given) == [("", "not_an_object")]


def test_a_task_needs_a_type() -> None:
    assert errors({}) == [("type", "missing")]


def test_all_errors_are_said_at_once() -> None:
    found = errors({"type": "sample.noop", "priority": 10, "timeout": 0, "tags": [1], "x": 1})
    assert sorted(attr for attr, _ in found) == ["priority", "tags.0", "timeout", "x"]


def test_a_payload_is_read_as_its_type_demands_with_the_path_into_it() -> None:
    found = errors({"type": "http_request", "payload": {"url": "https://a.test", "headers": {"a": [{}]}, "x": 1}})
    assert {attr.split(".")[0] for attr, _ in found} == {"payload"}
    assert ("payload.x", "extra_forbidden") in found
    assert errors({"type": "http_request", "payload": {}}) == [("payload.url", "missing")]


def test_a_type_that_takes_no_payload_refuses_one() -> None:
    assert errors({"type": "health_check", "payload": {"a": 1}}) == [("payload.a", "extra_forbidden")]


def test_a_payload_of_the_greatest_depth_is_taken() -> None:
    submit_task(type="sample.noop", payload=nested(DEEPEST), idempotency_key="k")
    Task.objects.all().delete()


# --- The limit on payloads --------------------------------------------------------------------------------------------


def test_a_payload_over_the_limit_is_told_the_limit() -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        submit_task(type="sample.noop", payload={"a": "x" * (256 * 1024)})
    assert str(caught.value) == "the payload has 262,152 bytes; the limit is 262,144 bytes (PAYLOAD_LIMIT)"
    assert caught.value.attr == "payload"


def test_the_limit_counts_bytes_as_they_are_stored(settings: Any) -> None:
    settings.PAYLOAD_LIMIT = 1024
    with pytest.raises(PayloadTooLarge):
        submit_task(type="sample.noop", payload={"a": "ä" * 509})
    task_id = submit_task(type="sample.noop", payload={"a": "ä" * 508}).id
    assert Task.objects.get(id=task_id).payload_bytes == 1024
    Task.objects.all().delete()


# --- Of many, the index is named and none is stored -------------------------------------------------------------------

GOOD = {"type": "sample.noop"}


def bulk_errors(given: list[Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidSubmission) as caught:
        submit_tasks(given)
    return [(error["attr"], error["code"]) for error in caught.value.errors]


def test_errors_of_many_name_the_index() -> None:
    found = bulk_errors([GOOD, {**GOOD, "priority": 10}, GOOD, "x", {}, {**GOOD, "tags": ["a", ""]}])
    assert found == [
        ("1.priority", "less_than_equal"),
        ("3", "not_an_object"),
        ("4.type", "missing"),
        ("5.tags.1", "string_too_short"),
    ]


def test_types_queues_and_payloads_of_many_are_checked_with_the_index() -> None:
    found = bulk_errors(
        [GOOD, {"type": "nothing"}, {**GOOD, "queue": "nowhere"}, {"type": "http_request", "payload": {}}]
    )
    assert found == [("1.type", "unknown_type"), ("2.queue", "unknown_queue"), ("3.payload.url", "missing")]


def test_one_wrong_one_at_the_end_of_many_stores_none() -> None:
    assert bulk_errors([GOOD] * 2_500 + [{"type": "health_check", "payload": {"a": 1}}]) == [
        ("2500.payload.a", "extra_forbidden")
    ]


def test_too_large_a_payload_of_many_names_the_index() -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        submit_tasks([GOOD, {**GOOD, "payload": {"a": "x" * 300_000}}])
    assert caught.value.attr == "1.payload"


def test_errors_are_listed_up_to_a_bound() -> None:
    assert len(bulk_errors([{"x": 1, "y": 2}] * 5_000)) == ERRORS_SHOWN
    assert len(bulk_errors([{"type": "nothing"}] * 5_000)) == ERRORS_SHOWN


def test_there_is_a_limit_on_how_many(settings: Any) -> None:
    settings.BULK_LIMIT = 3
    with pytest.raises(InvalidSubmission, match=r"tasks: 4 tasks are more than 3 at once \(BULK_LIMIT\)"):
        submit_tasks([GOOD] * 4)


def test_none_are_none() -> None:
    assert submit_tasks([]) == []
