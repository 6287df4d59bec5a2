"""Real servers for the tests: one answers by table and remembers, one does with a socket what the test wants."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CERTIFICATE = Path(__file__).with_name("service_test.pem")  # self-signed, for service.test, with its key


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Received:
    method: str
    path: str
    headers: Message
    body: bytes
    connection: tuple[str, int]  # the client's end: equal for two requests over one connection


class Site:
    """Answers each path by `answers`, which may be changed at any time; others get 200 and no body."""

    def __init__(self) -> None:
        site = self
        self.answers: dict[str, Answer] = {}
        self.received: list[Received] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                site.received.append(Received(self.command, self.path, self.headers, body, self.client_address))
                answer = site.answers.get(self.path.partition("?")[0], Answer())
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    for each in value.split("\n"):
                        self.send_header(name, each)
                if answer.status != 204:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    with suppress(OSError):  # the client may have read enough
                        self.wfile.write(answer.body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # clients of these tests hang up in the middle

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class SocketServer:
    """Gives each connection to `talk`, in a thread, after TLS if asked. `closed` is set when a client hangs up."""

    def __init__(self, talk: Callable[[socket.socket], None], *, tls: bool | ssl.SSLContext = False) -> None:
        self.closed = threading.Event()
        self.server_names: list[str | None] = []
        self._talk = talk
        self._tls = tls if isinstance(tls, ssl.SSLContext) else server_tls() if tls else None
        if self._tls:
            self._tls.sni_callback = lambda _, name, __: self.server_names.append(name)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # Closing alone would leave the accepting thread where it is.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                self._talk(connection)
                while connection.recv(65_536):
                    pass
        self.closed.set()


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def request_of(connection: socket.socket) -> bytes:
    """Reads a request up to the end of its headers."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65_536)
        if not part:
            raise ConnectionError("the client hung up")
        data += part
    return data


def replying(raw: bytes, *, then_close: bool = False) -> Callable[[socket.socket], None]:
    """Returns what to do with a connection: read a request, send these bytes, and hang up if asked."""

    def talk(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(raw)
        if then_close:
            connection.shutdown(socket.SHUT_RDWR)

    return talk
