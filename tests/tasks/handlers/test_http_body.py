"""Bodies: limits, packing, and what they are shown as."""

import base64
import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tasks.states import FailureCategory
from tests.tasks.handlers.http_server import Answer, Site, SocketServer, replying
from tests.tasks.handlers.http_task import fail, send


def got(site: Site, body: bytes, content_type: str = "", encoding: str = "", **payload: Any) -> dict[str, Any]:
    """Returns size, truncated and the body of what the handler makes of an answer."""
    headers = {"Content-Type": content_type, "Content-Encoding": encoding}
    site.answers["/x"] = Answer(200, {name: value for name, value in headers.items() if value}, body)
    result = send(url=site.url("/x"), **payload)
    return {name: value for name, value in result.items() if name in ("size", "truncated", "json", "text", "base64")}


@pytest.mark.parametrize(
    ("content_type", "body", "shown"),
    [
        ("application/json", b'{"a": 1}', {"json": {"a": 1}}),
        ("application/problem+json; charset=utf-8", b"[]", {"json": []}),
        ("text/json", b"null", {"json": None}),
        ("application/json", b"{oops", {"text": "{oops"}),
        ("application/json", b"", {"text": ""}),
        ("application/json", b"NaN", {"text": "NaN"}),
        ("application/json", b"1e999", {"text": "1e999"}),
        ("application/json", b'"\\u0000"', {"text": '"\\u0000"'}),
        ("application/json", b'"\\ud800"', {"text": '"\\ud800"'}),
        ("application/json", b"[" * 101 + b"]" * 101, {"text": "[" * 101 + "]" * 101}),
        ("application/json", b"[" * 60_000, {"text": "[" * 60_000}),
        ("application/json", b"[" * 100 + b"]" * 100, {"json": json.loads("[" * 100 + "]" * 100)}),
        ("application/json", b"[" + b"[]," * 200 + b"[]]", {"json": [[]] * 201}),
        ("text/plain", "é".encode(), {"text": "é"}),
        ("text/plain; charset=ISO-8859-1", b"\xe9", {"text": "é"}),
        ('text/plain; charset="utf-16"', "é".encode("utf-16"), {"text": "é"}),
        ("text/plain; charset=oops", "é".encode(), {"text": "é"}),
        ("text/plain; charset=hex", b"6162", {"text": "6162"}),
        ("text/plain; charset=punycode", b"a-b", {"text": "a-b"}),
        ("text/plain", b"a\xff\x00b", {"text": "a\ufffd\ufffdb"}),
        ("application/xml", b"<a/>", {"text": "<a/>"}),
        ("", b"plain", {"text": "plain"}),
        ("application/octet-stream", b"plain", {"text": "plain"}),
        ("application/octet-stream", b"\xff\xfe\x00", {"base64": base64.b64encode(b"\xff\xfe\x00").decode()}),
        ("application/octet-stream", b"a\x00b", {"base64": base64.b64encode(b"a\x00b").decode()}),
        ("image/png", b"abc", {"base64": base64.b64encode(b"abc").decode()}),
    ],
)
def test_body_is_shown_as_what_it_is(site: Site, content_type: str, body: bytes, shown: dict[str, Any]) -> None:
    assert got(site, body, content_type) == {"size": len(body), "truncated": False, **shown}


def test_head_has_no_body(site: Site) -> None:
    site.answers["/x"] = Answer(200, {"Content-Encoding": "gzip"}, gzip.compress(b"abc"))
    result = send(method="HEAD", url=site.url("/x"))
    assert (result["size"], result["text"]) == (0, "")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (11, {"size": 10, "truncated": False, "json": [1, 2, 3, 4]}),
        (10, {"size": 10, "truncated": False, "json": [1, 2, 3, 4]}),
        (9, {"size": 9, "truncated": True, "text": "[1,2,3,4 "}),
        (0, {"size": 0, "truncated": True, "text": ""}),
    ],
)
@pytest.mark.parametrize("encoding", ["", "gzip", "deflate"])
def test_body_is_cut_at_the_limit(site: Site, limit: int, expected: dict[str, Any], encoding: str) -> None:
    body = b"[1,2,3,4 ]"
    packed = {"": body, "gzip": gzip.compress(body), "deflate": zlib.compress(body)}[encoding]
    assert got(site, packed, "application/json", encoding, response_limit=limit) == expected


def test_setting_is_the_default_limit(site: Site, settings: Any) -> None:
    settings.HTTP_RESPONSE_LIMIT = 5
    assert got(site, b"abcdefgh") == {"size": 5, "truncated": True, "text": "abcde"}


def test_character_cut_in_two_does_not_make_text_binary(site: Site) -> None:
    assert got(site, "éé".encode(), response_limit=3) == {"size": 3, "truncated": True, "text": "é"}


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def zipped(data: bytes) -> bytes:
    """Without the time of day: the bytes are in the test's name, which must be the same in each test process."""
    return gzip.compress(data, mtime=0)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", zipped(b"hello" * 1000)),
        ("X-GZIP", zipped(b"hello" * 1000)),
        ("gzip", zipped(b"hello" * 500) + zipped(b"hello" * 500)),
        ("gzip", zipped(b"hello" * 1000) + b"\0" * 100),
        ("deflate", zlib.compress(b"hello" * 1000)),
        ("deflate", raw_deflate(b"hello" * 1000)),
        ("identity", b"hello" * 1000),
    ],
)
def test_packed_body_is_unpacked(site: Site, encoding: str, packed: bytes) -> None:
    assert got(site, packed, "text/plain", encoding) == {"size": 5000, "truncated": False, "text": "hello" * 1000}


def test_body_in_an_unknown_packing_is_kept_as_it_is(site: Site) -> None:
    assert got(site, b"abc", "text/plain", "br")["base64"] == base64.b64encode(b"abc").decode()


@pytest.mark.parametrize("body", [b"this is not gzip", zipped(b"hello" * 1000)[:-20]])
def test_body_that_cannot_be_unpacked_is_a_connection_failure(site: Site, body: bytes) -> None:
    site.answers["/x"] = Answer(200, {"Content-Encoding": "gzip"}, body)
    failure = fail(url=site.url("/x"))
    assert failure.category is FailureCategory.CONNECTION
    assert "answered 200 OK, but its body" in str(failure)
    assert failure.details["status"] == 200


def test_status_says_more_than_a_broken_body(site: Site) -> None:
    site.answers["/x"] = Answer(404, {"Content-Encoding": "gzip"}, b"this is not gzip")
    assert fail(url=site.url("/x")).category is FailureCategory.HTTP_4XX


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bomb_costs_no_more_memory_than_the_limit(site: Site, encoding: str) -> None:
    plain = bytes(100 * 1024 * 1024)
    packed = gzip.compress(plain, 9) if encoding == "gzip" else zlib.compress(plain, 9)
    del plain
    assert len(packed) > 64 * 1024
    site.answers["/x"] = Answer(200, {"Content-Encoding": encoding, "Content-Type": "text/plain"}, packed)
    tracemalloc.start()
    try:
        result = send(url=site.url("/x"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (result["size"], result["truncated"]) == (64 * 1024, True)
    assert peak < 3 * 1024 * 1024


def test_packed_body_that_never_yields_anything_ends(socket_server: Callable[..., SocketServer]) -> None:
    def endless(connection: Any) -> None:
        replying(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")(connection)
        while True:
            connection.sendall(gzip.compress(b"") * 1000)

    server = socket_server(endless)
    result = send(url=f"http://127.0.0.1:{server.port}/", response_limit=100)
    assert (result["size"], result["truncated"]) == (0, True)
    assert server.closed.wait(2)


def test_endless_body_is_read_to_the_limit_only(socket_server: Callable[..., SocketServer]) -> None:
    def endless(connection: Any) -> None:
        replying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")(connection)
        while True:
            connection.sendall(b"400\r\n" + b"a" * 1024 + b"\r\n")

    server = socket_server(endless)
    result = send(url=f"http://127.0.0.1:{server.port}/")
    assert (result["size"], result["truncated"]) == (64 * 1024, True)
    assert server.closed.wait(2)


def test_chunked_body_is_put_together(socket_server: Callable[..., SocketServer]) -> None:
    server = socket_server(
        replying(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n"
        )
    )
    assert send(url=f"http://127.0.0.1:{server.port}/")["text"] == "abcdefg"


def test_body_without_length_ends_with_the_connection(socket_server: Callable[..., SocketServer]) -> None:
    server = socket_server(replying(b"HTTP/1.0 200 OK\r\n\r\nabc", then_close=True))
    result = send(url=f"http://127.0.0.1:{server.port}/")
    assert (result["text"], result["http_version"]) == ("abc", "HTTP/1.0")
