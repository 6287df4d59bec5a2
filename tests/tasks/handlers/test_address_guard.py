import asyncio
import socket
import time
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest
from django.core.exceptions import ImproperlyConfigured

from tasks.handlers.address_guard import AddressRefused, AllowedHost, GuardedBackend, is_public, reachable_addresses
from tasks.states import FailureCategory
from tests.tasks.handlers.http_server import Site
from tests.tasks.handlers.http_task import fail, send

PRIVATE = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1", "198.18.0.1", "198.19.255.255"),
    *("192.0.0.8", "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.51.100.1", "203.0.113.1", "168.63.129.16"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:ffff::1"),
    *("100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1"),
    *("2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254"),
    *("fe80::1", "fec0::1", "ff02::1", "ff0e::1"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.1", "192.0.1.1", "223.255.255.255"),
    *("2606:4700:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_address_that_is_not_of_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_address_is_allowed(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "covered"),
    [
        ("intranet.test", "intranet.test", 80, "10.0.0.5", True),
        ("intranet.test", "Intranet.TEST.", 8080, "10.0.0.5", True),
        ("intranet.test", "other.test", 80, "10.0.0.5", False),
        ("intranet.test", "a.intranet.test", 80, "10.0.0.5", False),
        ("intranet.test:8080", "intranet.test", 8080, "10.0.0.5", True),
        ("intranet.test:8080", "intranet.test", 80, "10.0.0.5", False),
        ("10.0.0.5", "any.test", 80, "10.0.0.5", True),
        ("10.0.0.5", "any.test", 80, "10.0.0.6", False),
        ("10.0.0.5", "any.test", 80, "::ffff:10.0.0.5", True),
        ("10.0.0.5:80", "any.test", 80, "10.0.0.5", True),
        ("10.0.0.5:80", "any.test", 81, "10.0.0.5", False),
        ("10.0.0.0/8", "any.test", 80, "10.200.0.1", True),
        ("10.0.0.5/8", "any.test", 80, "10.200.0.1", True),
        ("10.0.0.0/8", "any.test", 80, "11.0.0.1", False),
        ("10.0.0.0/8", "any.test", 80, "64:ff9b::10.0.0.1", True),
        ("10.0.0.0/8", "any.test", 80, "2002:a00:1::", False),
        ("::1", "any.test", 80, "::1", True),
        ("[::1]", "any.test", 80, "::1", True),
        ("[::1]:8000", "any.test", 8000, "::1", True),
        ("[::1]:8000", "any.test", 80, "::1", False),
        ("fd00::/8", "any.test", 80, "fd12::1", True),
        ("fd00::/8", "any.test", 80, "10.0.0.1", False),
    ],
)
def test_entry_of_the_allow_list_covers(entry: str, host: str, port: int, address: str, covered: bool) -> None:
    assert AllowedHost.parse(entry).covers(host, port, ip_address(address)) is covered


@pytest.mark.parametrize(
    "entry", ["", "http://host", "host/path", "host:", "host:0", "host:99999", "host:x", "10.0.0.0/33"]
)
def test_entry_that_cannot_be_read_is_reported(entry: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="HTTP_ALLOWED_PRIVATE_HOSTS"):
        AllowedHost.parse(entry)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "017700000001",
        "0x7f.1",
        "0x7f000001",
        "127.1",
        "0",
        "[::1]",
        "[::ffff:7f00:1]",
    ],
)
def test_every_way_to_write_this_machine_is_refused(site: Site, settings: Any, host: str) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = []
    failure = fail(url=f"http://{host}:{site.port}/")
    assert (failure.category, failure.retryable) == (FailureCategory.INVALID_PAYLOAD, False)
    assert host.strip("[]") in str(failure)
    assert "HTTP_ALLOWED_PRIVATE_HOSTS" in str(failure)
    assert site.received == []


@pytest.mark.parametrize("form", ["127.0.0.1", "127.0.0.1:{port}", "127.0.0.0/8", "localhost", "localhost:{port}"])
def test_allowed_private_host_is_reached(site: Site, settings: Any, form: str) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = [form.format(port=site.port)]
    host = "localhost" if "localhost" in form else "127.0.0.1"
    assert send(url=f"http://{host}:{site.port}/")["status"] == 200


def test_environment_proxy_is_not_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert send(url=site.url())["status"] == 200


class Resolver:
    """Stands in for the resolver of the system: each name has a list of answers, the last of which stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: list[list[str]]) -> None:
        self.answers, self.asked = answers, 0
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)

    def getaddrinfo(self, host: str, port: int, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        answers = self.answers[host.partition(".")[0]]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(families[ip_address(each).version], socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]


def test_name_is_resolved_once_and_its_checked_address_connected_to(
    site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    resolver = Resolver(monkeypatch, rebinding=[["127.0.0.1"], ["127.0.0.2"]])
    assert send(url=f"http://rebinding.test:{site.port}/")["status"] == 200
    assert resolver.asked == 1
    assert site.received[0].headers["Host"] == f"rebinding.test:{site.port}"


def test_only_the_allowed_ones_of_several_addresses_are_used(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["10.0.0.0/24"]
    Resolver(monkeypatch, mixed=[["10.1.0.1", "10.0.0.2", "8.8.8.8", "::1", "10.0.0.2"]])
    addresses = asyncio.run(reachable_addresses("mixed.test", 80))
    assert addresses == [ip_address("10.0.0.2"), ip_address("8.8.8.8")]


def test_refusal_shows_name_and_addresses(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = []
    Resolver(monkeypatch, intranet=[["10.1.0.1", "fd00::1"]])
    with pytest.raises(AddressRefused, match=r"intranet\.test \(10\.1\.0\.1, fd00::1\)"):
        asyncio.run(reachable_addresses("intranet.test", 80))


def test_next_address_is_tried_when_one_refuses(site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.0/8"]
    Resolver(monkeypatch, two=[["127.0.0.9", "127.0.0.1"]])
    assert send(url=f"http://two.test:{site.port}/")["status"] == 200


def test_address_that_swallows_packets_leaves_time_for_the_next(
    site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.0/8"]
    with socket.socket() as full:
        full.bind(("127.0.0.2", site.port))
        full.listen(0)
        # A full backlog answers nothing to the next connection.
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.2", site.port))
        Resolver(monkeypatch, two=[["127.0.0.2", "127.0.0.1"]])
        assert send(url=f"http://two.test:{site.port}/", connect_timeout=0.6)["status"] == 200
        for each in waiting:
            each.close()


def test_resolver_that_hangs_is_given_up_at_the_connect_timeout(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(0.5))
    failure = fail(url="http://slow.test/", connect_timeout=0.1)
    assert failure.category is FailureCategory.TIMEOUT
    assert "slow.test was not resolved in time" in str(failure)


def test_name_that_does_not_exist_is_a_connection_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failure = fail(url="http://nowhere.test/")
    assert failure.category is FailureCategory.CONNECTION
    assert "the name nowhere.test cannot be resolved: Name or service not known" in str(failure)


def test_name_that_no_resolver_takes_is_a_connection_failure() -> None:
    failure = fail(url=f"http://{'a' * 70}.test/")
    assert failure.category is FailureCategory.CONNECTION
    assert "cannot be resolved" in str(failure)


def test_unix_sockets_are_refused() -> None:
    with pytest.raises(httpcore.ConnectError):
        asyncio.run(GuardedBackend().connect_unix_socket("/var/run/docker.sock"))
