from typing import Any

import pytest
from django.conf import LazySettings
from pydantic import ValidationError

from tasks.handlers.http_payload import HttpRequest, resolved_url
from tasks.registry import get


def messages(**payload: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        HttpRequest(**payload)
    return "; ".join(error["msg"] for error in caught.value.errors())


def test_type_is_registered_as_a_coroutine_on_its_queue() -> None:
    handler = get("http_request")
    assert (handler.kind, handler.queue, handler.timeout, handler.payload) == ("async", "http", 60, HttpRequest)


@pytest.mark.parametrize("method", ["get", " Patch ", "DELETE"])
def test_method_is_taken_in_any_case(method: str) -> None:
    assert HttpRequest(url="http://a.test", method=method).method == method.strip().upper()  # type: ignore[arg-type]


def test_unknown_method_is_refused() -> None:
    assert "'GET'" in messages(url="http://a.test", method="TRACE")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://a.test/x", "must start with http:// or https://"),
        ("file:///etc/passwd", "must start with http:// or https://"),
        ("localhost:8000/x", "must start with http:// or https://"),
        ("//a.test/x", "must start with http:// or https://"),
        ("http:///x", "names no host"),
        ("http:a.test", "names no host"),
        ("http://a b/", "names no host"),
        ("http://a.test:99999/", "names no host"),
        ("http://a.test:0/", "names no host"),
        ("http://[::1", "not a valid URL"),
        ("http://0177.0.0.1/", "not a valid URL"),
        ("http://a.test/\nx", "not a valid URL"),
        ("", "at least 1 character"),
        ("orders/1", "HTTP_BASE_URL is not set"),
        ("/orders/1", "HTTP_BASE_URL is not set"),
    ],
)
def test_url_that_cannot_be_requested_is_refused(url: str, reason: str) -> None:
    assert reason in messages(url=url)


@pytest.mark.parametrize(
    ("base", "url", "absolute"),
    [
        ("https://api.test", "orders/1", "https://api.test/orders/1"),
        ("https://api.test/v1", "orders/1?x=1", "https://api.test/v1/orders/1?x=1"),
        ("https://api.test/v1/", "orders/1", "https://api.test/v1/orders/1"),
        ("https://api.test/v1", "/orders/1", "https://api.test/orders/1"),
        ("https://api.test/v1", "?x=1", "https://api.test/v1/?x=1"),
        ("https://api.test/v1", "http://b.test/x", "http://b.test/x"),
    ],
)
def test_relative_url_is_looked_up_in_the_base_url(settings: LazySettings, base: str, url: str, absolute: str) -> None:
    settings.HTTP_BASE_URL = base
    assert str(resolved_url(HttpRequest(url=url).url)) == absolute


def test_base_url_itself_must_be_http(settings: LazySettings) -> None:
    settings.HTTP_BASE_URL = "ftp://api.test"
    assert "must start with http" in messages(url="orders")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"X-A": "1\r\nX-B: 2"}, "printable ASCII"),
        ({"X-A": "1\n"}, "printable ASCII"),
        ({"X-A": "1\x00"}, "printable ASCII"),
        ({"X-A": "é"}, "printable ASCII"),
        ({"X A": "1"}, "no header name"),
        ({"X-A\r\n": "1"}, "no header name"),
        ({"": "1"}, "no header name"),
        ({"X-A": "1", "x-a": "2"}, "given twice"),
        ({"Content-Length": "5"}, "set by Taskyard"),
        ({"transfer-encoding": "chunked"}, "set by Taskyard"),
        ({"X-Taskyard-Task": "1"}, "set by Taskyard"),
    ],
)
def test_header_that_would_break_the_request_is_refused(headers: dict[str, str], reason: str) -> None:
    assert reason in messages(url="http://a.test", headers=headers)


@pytest.mark.parametrize(
    "bodies",
    [{"json": 1, "form": {}}, {"json": {}, "body": ""}, {"form": {}, "body": ""}, {"json": [], "form": {}, "body": ""}],
)
def test_request_has_one_body_at_most(bodies: dict[str, Any]) -> None:
    assert "one body at most" in messages(url="http://a.test", **bodies)


def test_json_that_no_parser_takes_is_refused() -> None:
    assert "JSON compliant" in messages(url="http://a.test", json={"a": float("nan")})


@pytest.mark.parametrize("status", [99, 600, "6xx", "xx", "299-200", "200-", "", True, [], ["2xx", "oops"]])
def test_status_that_cannot_be_is_refused(status: Any) -> None:
    messages(url="http://a.test", expected_status=status)


@pytest.mark.parametrize(
    ("expected", "yes", "no"),
    [
        (["2xx"], [200, 204, 299], [199, 300, 404]),
        (["2XX", 404], [200, 404], [400]),
        (["200-204"], [200, 204], [205]),
        (["201"], [201], [200]),
        (304, [304], [200]),
        ("4xx", [404], [200]),
    ],
)
def test_expected_statuses(expected: Any, yes: list[int], no: list[int]) -> None:
    payload = HttpRequest(url="http://a.test", expected_status=expected)
    assert all(payload.expects(status) for status in yes)
    assert not any(payload.expects(status) for status in no)


def test_response_limit_is_bounded_by_the_setting(settings: LazySettings) -> None:
    settings.HTTP_RESPONSE_LIMIT = 1000
    assert HttpRequest(url="http://a.test").limit == 1000
    assert HttpRequest(url="http://a.test", response_limit=10).limit == 10
    assert "HTTP_RESPONSE_LIMIT" in messages(url="http://a.test", response_limit=1001)


def test_unknown_field_is_refused() -> None:
    assert "Extra inputs" in messages(url="http://a.test", timeout=5)


def test_error_text_shows_no_input() -> None:
    with pytest.raises(ValidationError) as caught:
        HttpRequest(url="ftp://ada:pa55word@a.test/", headers={"X-A": "t0ken\n"})
    assert "pa55word" not in str(caught.value)
    assert "t0ken" not in str(caught.value)


def test_stored_payload_reads_back_as_the_same() -> None:
    payload = HttpRequest(url="http://a.test", method="post", json={"a": [1, None]})  # type: ignore[arg-type]
    assert HttpRequest.model_validate(payload.model_dump(mode="json")) == payload
    assert HttpRequest.model_validate(payload.model_dump(mode="json", by_alias=False)) == payload


def test_schema_describes_every_field_and_its_examples_are_valid() -> None:
    schema = HttpRequest.model_json_schema()
    assert all(field.get("description") for field in schema["properties"].values())
    assert set(schema["properties"]) >= {"json", "form", "body"}
    for example in schema["examples"]:
        HttpRequest.model_validate(example)
