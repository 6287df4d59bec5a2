"""Ways around the address guard that people have found elsewhere: none of them reaches this machine."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.exceptions import TaskFailed
from tasks.handlers.address_guard import AddressRefused, is_public, reachable_addresses
from tasks.handlers.http_payload import HttpRequest
from tasks.handlers.http_transports import close_transports
from tasks.states import FailureCategory
from tests.tasks.handlers.http_server import Answer, Site
from tests.tasks.handlers.http_task import fail, requested, send

# Each is reached over the port of a site on this machine.
HOSTS = [
    *("127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "2130706433", "017700000001", "0177.0.0.1", "0x7f.1"),
    *("0x7F000001", "0x7f.0x0.0x0.0x1", "127.000.000.001", "127.0.0.1.", "localhost", "localhost.", "LOCALHOST"),
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
    *("[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[::ffff:0:127.0.0.1]"),
    *("[2001:0:7f00:1::]", "[fe80::1]", "[fec0::1]", "[::1%25lo]", "[fe80::1%25lo]"),
    *("public.test@127.0.0.1", "public.test:80@127.0.0.1", "public.test%40x@127.0.0.1", "public.test\\@127.0.0.1"),
    # Full-width digits and dots, circled digits, an ideographic full stop: IDNA makes others of them.
    *("127。0。0。1", "\uff11\uff12\uff17.0.0.1", "①②⑦.0.0.1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "localhost。", "loc\u00adalhost"),
    *("%31%32%37.0.0.1", "127.0.0.1%2f", "127.0.0.1%00", "127.0.0.1\t"),
]


@pytest.fixture
def closed_site(site: Site, settings: Any) -> Iterator[Site]:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = []
    yield site
    assert site.received == []


@pytest.mark.parametrize("host", HOSTS)
def test_no_way_to_write_this_machine_reaches_it(host: str, closed_site: Site) -> None:
    url = f"http://{host}:{closed_site.port}/"
    try:
        HttpRequest(url=url)
    except ValidationError as error:
        complaint = error.errors()
        assert [each["loc"] for each in complaint] == [("url",)]
        return
    failure = fail(url=url)
    if failure.category is FailureCategory.CONNECTION:
        assert "cannot be resolved" in str(failure)
    else:
        assert (failure.category, failure.retryable) == (FailureCategory.INVALID_PAYLOAD, False)
        assert "HTTP_ALLOWED_PRIVATE_HOSTS" in str(failure)


@pytest.mark.parametrize("host", HOSTS)
def test_no_redirect_reaches_it_either(host: str, site: Site, other_site: Site, settings: Any) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = [f"127.0.0.1:{site.port}"]
    target = f"http://{host}:{other_site.port}/"
    site.answers["/to"] = Answer(302, {"Location": target.encode().decode("latin-1")})
    failure = fail(url=site.url("/to"))
    assert other_site.received == []
    assert failure.category in (
        FailureCategory.INVALID_PAYLOAD,
        FailureCategory.HTTP_4XX,  # the Location is none
        FailureCategory.CONNECTION,  # a name that does not exist
    )


@pytest.mark.parametrize("location", ["//127.0.0.1:{port}/", "///127.0.0.1:{port}/", "\\\\127.0.0.1:{port}/"])
def test_a_relative_redirect_is_checked_too(location: str, site: Site, other_site: Site, settings: Any) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = [f"127.0.0.1:{site.port}"]
    site.answers["/to"] = Answer(302, {"Location": location.format(port=other_site.port)})
    with suppress(TaskFailed):
        send(url=site.url("/to"))
    assert other_site.received == []


# --- Names whose answers change -------------------------------------------------------------------------------------


class Resolver:
    """Stands in for the system's resolver: a name's answers one after the other, of which the last stays."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
        self.answers, self.asked = list(answers), 0
        self.connected: list[str] = []
        real = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

        async def sock_connect(loop: Any, sock: Any, address: Any) -> None:
            self.connected.append(address[0])
            if not address[0].startswith("127."):
                raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody is bothered by a test")
            await real(loop, sock, address)

        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        monkeypatch.setattr(asyncio.selector_events.BaseSelectorEventLoop, "sock_connect", sock_connect)

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[tuple[Any, ...]]:
        try:
            address = str(ip_address(host))  # of the connecting itself: no name
        except ValueError:
            self.asked += 1
            address = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]


def test_a_name_that_turns_private_after_the_check_gains_nothing(
    closed_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = Resolver(monkeypatch, "192.0.1.1", "127.0.0.1")  # public and of nobody, then this machine
    failure = fail(url=f"http://rebinding.test:{closed_site.port}/")
    assert failure.category is FailureCategory.CONNECTION
    assert resolver.asked == 1
    assert resolver.connected == ["192.0.1.1"]


def test_a_name_that_turned_private_is_refused_at_the_next_request(
    site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    Resolver(monkeypatch, "127.0.0.1", "127.0.0.2")
    url = f"http://rebinding.test:{site.port}/"

    async def two_requests() -> None:
        await requested(url=url)
        await close_transports()
        with pytest.raises(TaskFailed, match=r"rebinding\.test \(127\.0\.0\.2\) is not a public address"):
            await requested(url=url)

    asyncio.run(two_requests())
    assert len(site.received) == 1


def test_a_name_that_turned_private_is_refused_after_a_redirect_to_itself(
    site: Site, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    Resolver(monkeypatch, "127.0.0.1", "169.254.169.254")
    site.answers["/to"] = Answer(302, {"Location": f"http://rebinding.test:{site.port + 1}/", "Connection": "close"})
    failure = fail(url=f"http://rebinding.test:{site.port}/to")
    assert "rebinding.test (169.254.169.254) is not a public address" in str(failure)


@pytest.mark.parametrize("address", ["::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "fd00::1", "::1"])
def test_a_name_with_an_address_in_disguise_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, address)
    with pytest.raises(AddressRefused):
        asyncio.run(reachable_addresses("disguised.test", 80))


# --- The list is our own --------------------------------------------------------------------------------------------


@given(st.ip_addresses())
def test_what_python_takes_for_private_is_refused_as_well(address: IPv4Address | IPv6Address) -> None:
    if is_public(address):
        plain = getattr(address, "ipv4_mapped", None) or address
        assert plain.is_global
        assert not plain.is_multicast


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "64:ff9b::{}"]))
def test_an_ipv4_address_is_judged_alike_in_every_dress(address: IPv4Address, dress: str) -> None:
    assert is_public(ip_address(dress.format(address))) == is_public(address)


@given(st.ip_addresses(v=4))
def test_tunnels_that_carry_an_ipv4_address_are_refused(address: IPv4Address) -> None:
    high, low = divmod(int(address), 65_536)
    for tunnel in (f"2002:{high:x}:{low:x}::1", f"2001:0:{high:x}:{low:x}::", f"::{high:x}:{low:x}"):
        assert not is_public(ip_address(tunnel))
