"""Which addresses a task may reach, and the opening of connections to those alone (SSRF).

The address that is connected to is the one that was checked, so a name that answers differently the second time gains
nothing. Who asks, and for what, is not decided here.
"""

import asyncio
import functools
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tasks.exceptions import TaskFailed
from tasks.handlers.http_streams import BoundedStream
from tasks.states import FailureCategory

IPAddress = IPv4Address | IPv6Address

# The registries of IANA for special-purpose addresses, written out: `is_global` has holes, others in each release
# of Python (3.11.7 lets 6to4, NAT64, multicast and more through).
_REFUSED_IPV4 = [
    ip_network("0.0.0.0/8"),  # this network; Linux takes it for this machine
    ip_network("10.0.0.0/8"),  # private
    ip_network("100.64.0.0/10"),  # carrier-grade NAT; Alibaba's metadata service
    ip_network("127.0.0.0/8"),  # this machine
    ip_network("168.63.129.16/32"),  # looks public, and is Azure's host agent
    ip_network("169.254.0.0/16"),  # link-local; the clouds' metadata services
    ip_network("172.16.0.0/12"),  # private
    ip_network("192.0.0.0/24"),  # IETF protocol assignments; Oracle's metadata service
    ip_network("192.0.2.0/24"),  # documentation
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("192.168.0.0/16"),  # private
    ip_network("198.18.0.0/15"),  # benchmarks
    ip_network("198.51.100.0/24"),  # documentation
    ip_network("203.0.113.0/24"),  # documentation
    ip_network("224.0.0.0/4"),  # multicast
    ip_network("240.0.0.0/4"),  # reserved, and broadcast
]
_REFUSED_IPV6 = [
    ip_network("2001::/23"),  # IETF protocol assignments with Teredo, whose addresses carry an IPv4 address
    ip_network("2001:db8::/32"),  # documentation
    ip_network("2002::/16"),  # 6to4, which carries an IPv4 address
    ip_network("3fff::/20"),  # documentation
]
# Outside of it: loopback, IPv4-compatible and -translated, local NAT64, unique-local, link- and site-local, multicast.
_GLOBAL_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


class AddressRefused(TaskFailed):
    """The host has no address that tasks may reach. Only HTTP_ALLOWED_PRIVATE_HOSTS helps, trying again does not."""

    def __init__(self, host: str, addresses: Sequence[IPAddress]) -> None:
        shown = ", ".join(str(address) for address in addresses[:3])
        where = host if shown == host else f"{host} ({shown})"
        super().__init__(
            f"{where} is not a public address; tasks may reach it only if HTTP_ALLOWED_PRIVATE_HOSTS names it",
            category=FailureCategory.INVALID_PAYLOAD,
            retryable=False,
        )


def carried_ipv4(address: IPAddress) -> IPv4Address | None:
    """Returns the IPv4 address that a packet to this IPv6 address ends up at: IPv4-mapped and well-known NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def is_public(address: IPAddress) -> bool:
    """Tells whether the address belongs to a machine of the public internet, whatever it is wrapped in."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_IPV4)
    carried = carried_ipv4(address)
    if carried is not None:
        return is_public(carried)
    return address in _GLOBAL_UNICAST and not any(address in network for network in _REFUSED_IPV6)


@dataclass(frozen=True)
class AllowedHost:
    """An entry of HTTP_ALLOWED_PRIVATE_HOSTS: a name (with all its addresses) or a network; `port` None is any port."""

    name: str
    network: IPv4Network | IPv6Network | None
    port: int | None

    @classmethod
    def parse(cls, entry: str) -> "AllowedHost":
        """Reads "host", "host:port", an address (with a port: "10.0.0.5:80", "[::1]:80") or a network ("10.0.0.0/8").

        Raises ImproperlyConfigured.
        """
        host, port = entry, ""
        network = _network(entry)
        if network is None and not entry.endswith("]") and ":" in entry:
            host, _, port = entry.rpartition(":")
            if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
                host = ""
        host = _plain(host.removeprefix("[").removesuffix("]"))
        network = network or _network(host)
        if not host or (network is None and set(host) & set("/:@?#[] ")):
            raise ImproperlyConfigured(
                f"HTTP_ALLOWED_PRIVATE_HOSTS: {entry!r} is neither a host, host:port, an IP address nor a network"
            )
        return cls(host if network is None else "", network, int(port) if port else None)

    def covers(self, host: str, port: int, address: IPAddress) -> bool:
        if self.port not in (None, port):
            return False
        if self.network is None:
            return self.name == _plain(host)
        carried = carried_ipv4(address)
        return address in self.network or (carried is not None and carried in self.network)


async def reachable_addresses(host: str, port: int) -> list[IPAddress]:
    """Resolves the host once and returns those of its addresses that a task may reach, in the resolver's order.

    Raises AddressRefused where none is left, OSError or UnicodeError where the name cannot be resolved.
    """
    try:
        addresses = [ip_address(host)]
    except ValueError:  # a name, or one of the odd ways to write an IPv4 address, which getaddrinfo understands
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(ip_address(each[4][0]) for each in found))
    allowed = _allowed_hosts(tuple(settings.HTTP_ALLOWED_PRIVATE_HOSTS))
    reachable = [
        address
        for address in addresses
        if is_public(address) or any(entry.covers(host, port, address) for entry in allowed)
    ]
    if not reachable:
        raise AddressRefused(host, addresses)
    return reachable


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only. TLS goes on using the name: httpcore hands it to `start_tls`."""

    def __init__(self) -> None:
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Tries the addresses in order. `timeout` (seconds) covers the name's resolution and all of them together."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None else loop.time() + timeout
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await reachable_addresses(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time") from None
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise httpcore.ConnectError(f"the name {host} cannot be resolved: {reason}") from error
        for left in range(len(addresses), 0, -1):
            # Each gets an equal share of what is left, else a first address that swallows packets would use it all up.
            share = None if deadline is None else max(0.0, deadline - loop.time()) / left
            try:
                address = str(addresses[-left])
                stream = await self._sockets.connect_tcp(address, port, share, local_address, socket_options)
                return BoundedStream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise AssertionError("unreachable: there is at least one address")

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("tasks reach no Unix sockets")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@functools.cache
def _allowed_hosts(entries: tuple[str, ...]) -> list[AllowedHost]:
    return [AllowedHost.parse(entry) for entry in entries]


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _plain(host: str) -> str:
    return host.lower().rstrip(".")
