"""What is wrong with a request is said in one shape, with its path, and nothing is stored."""

import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.models import Task
from tests.tasks.api.conftest import Api

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOOP: dict[str, Any] = {"type": "sample.noop"}


@pytest.fixture(autouse=True)
def nothing_is_stored(db: None) -> Iterator[None]:
    yield
    assert Task.objects.count() == 0


def errors(answer: tuple[int, Any], code: int) -> list[tuple[str | None, str]]:
    """Checks the shape of an error and returns where and what its errors are."""
    assert answer[0] == code, answer
    assert set(answer[1]) == {"type", "errors"}
    assert answer[1]["type"] in ("validation_error", "client_error")
    for error in answer[1]["errors"]:
        assert set(error) == {"code", "detail", "attr"}
        assert error["detail"]
    return [(error["attr"], error["code"]) for error in answer[1]["errors"]]


# --- Fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "attr", "code"),
    [
        ({"type": "no.such.type"}, "type", "unknown_type"),
        ({"type": 17}, "type", "string_type"),
        ({"type": None}, "type", "string_type"),
        ({"payload": []}, "payload", "dict_type"),
        ({"payload": None}, "payload", "dict_type"),
        ({"payload": {"text": "a\x00"}}, "payload", "not_json"),
        ({"payload": {"text": "\ud800"}}, "payload", "not_json"),
        ({"type": "http_request", "payload": {}}, "payload.url", "missing"),
        ({"type": "http_request", "payload": {"url": "https://a.test", "x": 1}}, "payload.x", "extra_forbidden"),
        ({"type": "health_check", "payload": {"x": 1}}, "payload.x", "extra_forbidden"),
        ({"queue": "no-such-queue"}, "queue", "unknown_queue"),
        ({"queue": ["http"]}, "queue", "string_type"),
        ({"priority": 10}, "priority", "less_than_equal"),
        ({"priority": -1}, "priority", "greater_than_equal"),
        ({"priority": "high"}, "priority", "int_type"),
        ({"priority": True}, "priority", "int_type"),
        ({"priority": 5.5}, "priority", "int_type"),
        ({"delay": -1}, "delay", "greater_than_equal"),
        ({"delay": "60"}, "delay", "float_type"),
        ({"delay": False}, "delay", "float_type"),
        ({"run_at": 1_900_000_000}, "run_at", "value_error"),
        ({"run_at": "1900000000"}, "run_at", "value_error"),
        ({"run_at": "2030-01-31T08:00:00"}, "run_at", "timezone_aware"),
        ({"run_at": "next week"}, "run_at", "value_error"),
        ({"run_at": {"date": "2030-01-31"}}, "run_at", "value_error"),
        ({"run_at": "9999-12-31T23:59:59-14:00"}, "run_at", "value_error"),
        ({"max_attempts": 0}, "max_attempts", "greater_than_equal"),
        ({"timeout": 0}, "timeout", "greater_than"),
        ({"retry": {"kind": "often"}}, "retry.kind", "enum"),
        ({"tags": "red"}, "tags", "list_type"),
        ({"tags": [f"t{n}" for n in range(21)]}, "tags", "too_long"),
        ({"tags": ["red", {}]}, "tags.1", "string_type"),
        ({"name": "x" * 201}, "name", "too_long"),
        ({"idempotency_key": {}}, "idempotency_key", "string_type"),
        ({"id": "0190b0c4-3c4e-7d2a-9d0e-0123456789ab"}, "id", "extra_forbidden"),
        ({"created_by": 1}, "created_by", "extra_forbidden"),
        ({"no.such.field": 1}, "no.such.field", "extra_forbidden"),
    ],
)
def test_a_wrong_field_is_named_alone_and_in_a_list(fields: dict[str, Any], attr: str, code: str, root: Api) -> None:
    body = {**NOOP, **fields}
    assert errors(root.post("tasks/", body), 400) == [(attr, code)]
    assert errors(root.post("tasks/bulk/", [NOOP, body]), 400) == [(f"1.{attr}", code)]


def test_delay_and_run_at_are_not_given_both(root: Api) -> None:
    body = {**NOOP, "delay": 5, "run_at": "2030-01-31T08:00:00Z"}
    answer = root.post("tasks/", body)
    assert errors(answer, 400) == [("non_field_errors", "value_error")]
    assert answer[1]["errors"][0]["detail"] == "give delay or run_at, not both"
    assert errors(root.post("tasks/bulk/", [NOOP, body]), 400) == [("1", "value_error")]


def test_several_errors_are_said_at_once(root: Api) -> None:
    found = errors(root.post("tasks/", {"priority": 10, "tags": ["", 5], "x": 1}), 400)
    assert sorted(attr or "" for attr, _ in found) == ["priority", "tags.0", "tags.1", "type", "x"]
    assert len(errors(root.post("tasks/bulk/", [{"x": 1}] * 9_999), 400)) == 100


def test_the_unknown_is_answered_with_the_known(root: Api) -> None:
    _, body = root.post("tasks/", {**NOOP, "queue": "nowhere"})
    detail = body["errors"][0]["detail"]
    assert detail.startswith("there is no queue 'nowhere'; there are compensation, data, default, ")


@pytest.mark.parametrize("name", ["\ud800", "\x00", "x" * 10_000, "<script>", "payload.a.b", "non_field_errors", ""])
def test_a_field_may_have_any_name(name: str, root: Api) -> None:
    assert len(errors(root.post("tasks/", {**NOOP, name: 1}), 400)) == 1
    assert len(errors(root.post("tasks/bulk/", [{**NOOP, name: 1}]), 400)) == 1
    assert len(errors(root.post("tasks/", {"type": "health_check", "payload": {name: 1}}), 400)) == 1


# --- Bodies -----------------------------------------------------------------------------------------------------------

DEEP = b'{"type": "sample.noop", "payload": ' + b'{"a":' * 150 + b"{}" + b"}" * 150 + b"}"
BOTTOMLESS = b'{"type": "sample.noop", "payload": ' + b'{"a":' * 100_000 + b"{}" + b"}" * 100_000 + b"}"


@pytest.mark.parametrize("address", ["tasks/", "tasks/bulk/"])
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"no json",
        b'{"type": "sample.noop"} and more',
        b'{"type": "sample.noop", "payload": {"n": NaN}}',
        b'{"type": "sample.noop", "payload": {"n": -Infinity}}',
        b'{"type": "sample.noop", "payload": {"n": ' + b"9" * 5_000 + b"}}",
        b'{"type": "\xff\xfe"}',
        '{"type": "sample.noop"}'.encode("utf-16"),
        BOTTOMLESS,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=["cut", "words", "more", "nan", "infinity", "integer", "not utf-8", "utf-16", "bottomless", "brackets"],
)
def test_what_is_no_json_is_said(address: str, body: bytes, root: Api) -> None:
    assert errors(root.send(address, body), 400) == [(None, "parse_error")]


def test_a_number_that_is_none_is_said(root: Api) -> None:
    assert errors(root.send("tasks/", b'{"type": "sample.noop", "payload": {"n": 1e999}}'), 400) == [
        ("payload", "not_json")
    ]


def test_a_deep_payload_is_refused_before_it_harms_the_lists(root: Api) -> None:
    answer = root.send("tasks/", DEEP)
    assert errors(answer, 400) == [("payload", "not_json")]
    assert "nested more than 100 levels deep" in answer[1]["errors"][0]["detail"]
    assert errors(root.send("tasks/bulk/", b"[" + DEEP + b"]"), 400) == [("0.payload", "not_json")]


@pytest.mark.parametrize("body", [b"null", b"5", b'"sample.noop"', b"[]", b'[{"type": "sample.noop"}]'])
@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "k"}], ids=["", "keyed"])
def test_a_task_is_an_object(body: bytes, key: dict[str, str], root: Api) -> None:
    assert errors(root.send("tasks/", body, **key), 400) == [("non_field_errors", "not_an_object")]


@pytest.mark.parametrize("body", [b"null", b"5", b'"x"', b"{}", b'{"tasks": {}}', b'{"tasks": null}', b'{"type": "x"}'])
def test_many_are_an_array(body: bytes, root: Api) -> None:
    assert errors(root.send("tasks/bulk/", body), 400) == [(None, "parse_error")]


@pytest.mark.parametrize("item", [None, 5, "sample.noop", [], [NOOP]])
def test_each_of_many_is_an_object(item: Any, root: Api) -> None:
    assert errors(root.post("tasks/bulk/", [NOOP, item]), 400) == [("1", "not_an_object")]


def test_an_empty_body_lacks_the_type(root: Api) -> None:
    assert errors(root.send("tasks/", b""), 400) == [("type", "missing")]
    assert errors(root.send("tasks/bulk/", b""), 400) == [(None, "parse_error")]


@pytest.mark.parametrize("address", ["tasks/", "tasks/bulk/"])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"]
)
def test_another_content_type_is_not_taken(address: str, content_type: str, root: Api) -> None:
    body = json.dumps(NOOP).encode()
    assert errors(root.send(address, body, content_type=content_type), 415) == [(None, "unsupported_media_type")]


@pytest.mark.parametrize("charset", ["zlib", "bz2", "hex", "rot13", "undefined", "utf-16"])
def test_a_charset_that_is_none_or_not_the_bodys_is_said(charset: str, root: Api) -> None:
    body = json.dumps(NOOP).encode()
    body = zlib.compress(body) if charset == "zlib" else body
    answer = root.send("tasks/", body, content_type=f"application/json; charset={charset}")
    assert errors(answer, 400) == [(None, "parse_error")]


@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "latin-1"])
def test_a_body_is_read_in_its_charset(charset: str, root: Api) -> None:
    body = json.dumps({"type": "nö"}, ensure_ascii=False).encode(charset)
    answer = root.send("tasks/", body, content_type=f"application/json; charset={charset}")
    assert errors(answer, 400) == [("type", "unknown_type")]
    assert "'nö'" in answer[1]["errors"][0]["detail"]


# --- Sizes ------------------------------------------------------------------------------------------------------------


def test_a_payload_over_the_limit_is_told_the_limit(root: Api) -> None:
    body = {**NOOP, "payload": {"a": "x" * 262_144}}
    answer = root.post("tasks/", body)
    assert errors(answer, 413) == [(None, "payload_too_large")]
    detail = "payload: the payload has 262,152 bytes; the limit is 262,144 bytes (PAYLOAD_LIMIT)"
    assert answer[1]["errors"][0]["detail"] == detail
    answer = root.post("tasks/bulk/", [NOOP, body])
    assert errors(answer, 413) == [(None, "payload_too_large")]
    assert answer[1]["errors"][0]["detail"] == f"1.{detail}"


@pytest.mark.parametrize("address", ["tasks/", "tasks/bulk/"])
def test_a_request_over_the_limit_is_told_the_limit(address: str, root: Api, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000
    answer = root.post(address, {**NOOP, "payload": {"a": "x" * 2_000}})
    assert errors(answer, 413) == [(None, "request_too_large")]
    assert answer[1]["errors"][0]["detail"] == "the request is larger than 2,000 bytes (REQUEST_LIMIT)"


def test_more_than_the_limit_of_many_is_told_the_limit(root: Api) -> None:
    answer = root.post("tasks/bulk/", [NOOP] * 10_001)
    assert errors(answer, 400) == [("tasks", "too_many")]
    assert answer[1]["errors"][0]["detail"] == "10,001 tasks are more than 10,000 at once (BULK_LIMIT)"
