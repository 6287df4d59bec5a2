"""TLS with certificates that are right, wrong, old, of others and missing, and connections that break within it."""

import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.handlers.http_transports import _ssl_context
from tasks.states import FailureCategory
from tests.tasks.handlers.certificates import Authority
from tests.tasks.handlers.http_server import SocketServer, replying, request_of
from tests.tasks.handlers.http_task import fail, send

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Serve = Callable[..., SocketServer]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    _ssl_context.cache_clear()
    yield
    _ssl_context.cache_clear()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name is this machine's."""
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: real("127.0.0.1", *rest, **more))


@pytest.mark.parametrize("host", ["127.0.0.1", "service.test", "a.wild.test"])
def test_a_certificate_of_the_authority_for_the_host_is_accepted(
    host: str, names: None, authority: Authority, socket_server: Serve
) -> None:
    context = authority.serve("DNS:service.test,DNS:*.wild.test,IP:127.0.0.1")
    server = socket_server(replying(OK), tls=context)
    assert send(url=f"https://{host}:{server.port}/")["status"] == 200


@pytest.mark.parametrize(
    ("host", "certified", "days", "reason"),
    [
        ("service.test", "DNS:other.test", 2, "Hostname mismatch, certificate is not valid for 'service.test'"),
        ("a.b.wild.test", "DNS:*.wild.test", 2, "Hostname mismatch, certificate is not valid for 'a.b.wild.test'"),
        ("127.0.0.1", "DNS:127.0.0.1", 2, "IP address mismatch, certificate is not valid for '127.0.0.1'"),
        ("service.test", "DNS:service.test", -1, "certificate has expired"),
    ],
)
def test_a_wrong_certificate_is_refused_by_name(
    host: str, certified: str, days: int, reason: str, names: None, authority: Authority, socket_server: Serve
) -> None:
    server = socket_server(replying(OK), tls=authority.serve(certified, days=days))
    url = f"https://{host}:{server.port}/"
    failure = fail(url=url)
    assert failure.category is FailureCategory.CONNECTION
    assert f"GET {url} failed: the certificate was not accepted: {reason}" in str(failure)
    assert send(url=url, verify_tls=False)["status"] == 200


def test_a_certificate_of_another_authority_is_refused(names: None, socket_server: Serve, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").serve("DNS:service.test")
    failure = fail(url=f"https://service.test:{socket_server(replying(OK), tls=stranger).port}/")
    assert failure.category is FailureCategory.CONNECTION
    assert "the certificate was not accepted: unable to get local issuer certificate" in str(failure)


def test_a_redirect_to_a_wrong_certificate_is_refused(names: None, authority: Authority, socket_server: Serve) -> None:
    wrong = socket_server(replying(OK), tls=authority.serve("DNS:other.test"))
    to = f"https://service.test:{wrong.port}/"
    first = socket_server(replying(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()))
    failure = fail(url=f"http://127.0.0.1:{first.port}/")
    assert f"GET {to} (redirected from http://127.0.0.1:{first.port}/) failed: the certificate was not" in str(failure)


def test_a_server_that_wants_a_certificate_of_ours_is_a_connection_failure(
    authority: Authority, socket_server: Serve
) -> None:
    context = authority.serve("IP:127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.certificate)
    failure = fail(url=f"https://127.0.0.1:{socket_server(replying(OK), tls=context).port}/")
    assert failure.category is FailureCategory.CONNECTION
    # The alert comes after our side of the handshake, and the server may reset the connection behind it.
    assert str(failure).endswith((" TLS: TLSV13_ALERT_CERTIFICATE_REQUIRED", " Connection reset by peer"))


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"], ids=["headers", "body"])
def test_a_broken_record_is_a_connection_failure(begun: bytes, authority: Authority, socket_server: Serve) -> None:
    def talk(connection: socket.socket) -> None:
        request_of(connection)
        if begun:
            connection.sendall(begun)
        with socket.socket(fileno=connection.detach()) as bare:  # what goes out now is not encrypted
            bare.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
            bare.recv(65_536)

    failure = fail(url=f"https://127.0.0.1:{socket_server(talk, tls=authority.serve('IP:127.0.0.1')).port}/")
    assert failure.category is FailureCategory.CONNECTION
    assert "failed: TLS: " in str(failure)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_a_protocol_too_old_is_a_connection_failure(authority: Authority, socket_server: Serve) -> None:
    context = authority.serve("IP:127.0.0.1")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    failure = fail(url=f"https://127.0.0.1:{socket_server(replying(OK), tls=context).port}/")
    assert failure.category is FailureCategory.CONNECTION
    assert "failed: TLS: " in str(failure)
