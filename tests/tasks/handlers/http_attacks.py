"""Servers that mean harm: each function is what one of them does with a connection."""

import itertools
import socket
import threading
import time
from collections.abc import Callable

from tests.tasks.handlers.http_server import request_of

Talk = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\n"


def sending(head: bytes, again: bytes = b"") -> Talk:
    """Sends the head, and then the same bytes for as long as the client takes them."""

    def talk(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(head)
        while again:
            connection.sendall(again)

    return talk


def dripping(head: bytes, drop: bytes, stop: threading.Event) -> Talk:
    """Sends a drop now and then, for longer than anybody waits: each comes well within any timeout."""

    def talk(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(head)
        until = time.monotonic() + 20
        while not stop.wait(0.05) and time.monotonic() < until:
            connection.sendall(drop)
        connection.shutdown(socket.SHUT_RDWR)

    return talk


def resetting(head: bytes) -> Talk:
    """Sends the head and resets the connection."""

    def talk(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(head)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()

    return talk


def flooding_headers(connection: socket.socket) -> None:
    """Sends headers without an end."""
    request_of(connection)
    connection.sendall(OK)
    for number in itertools.count():
        connection.sendall(b"X-%d: %s\r\n" % (number, b"a" * 1000))


ENDLESS: dict[str, Talk] = {
    "headers": flooding_headers,
    "one header": sending(OK + b"X: ", b"a" * 65_536),
    "one line": sending(b"", b"a" * 65_536),
    "informational answers": sending(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 500),
    "continues": sending(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "trailers": sending(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: aaaaaaaa\r\n" * 500),
    "chunk extension": sending(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 65_536),
    "chunk size": sending(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 65_536),
    "small chunks": sending(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 5_000),
    "body": sending(OK + b"\r\n", b"a" * 65_536),
}

BROKEN: dict[str, Talk] = {
    "nothing": resetting(b""),
    "reset in the headers": resetting(OK + b"Content-"),
    "reset in the body": resetting(OK + b"Content-Length: 1000\r\n\r\nabc"),
    "reset in a chunk": resetting(OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nabc"),
    "less than its length": lambda connection: _closing(connection, OK + b"Content-Length: 9\r\n\r\nabc"),
    "no last chunk": lambda connection: _closing(connection, OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
    "two lengths": sending(OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    "a negative length": sending(OK + b"Content-Length: -3\r\n\r\nabc"),
    "no number for a length": sending(OK + b"Content-Length: 3.0\r\n\r\nabc"),
    "a length beyond all numbers": sending(OK + b"Content-Length: " + b"9" * 60 + b"\r\n\r\nabc"),
    "an unknown transfer coding": sending(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\nabc"),
    "a switch of protocols": sending(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc"),
    "a folded header without a first line": sending(OK + b" folded: x\r\n\r\n"),
    "a header without a name": sending(OK + b": x\r\nContent-Length: 0\r\n\r\n"),
    "NUL in a header": sending(OK + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n"),
    "status 99": sending(b"HTTP/1.1 99 Low\r\n\r\n"),
    "HTTP/2": sending(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 30),
    "TLS": sending(b"\x15\x03\x01\x00\x02\x02\x46" * 4 + b"\r\n\r\n"),
    "a mail server": lambda connection: _closing(connection, b"220 mail.test ESMTP\r\n"),
}


def _closing(connection: socket.socket, raw: bytes) -> None:
    request_of(connection)
    connection.sendall(raw)
    connection.shutdown(socket.SHUT_RDWR)
