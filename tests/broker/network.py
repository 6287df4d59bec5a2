"""Networks of a test's own, which can be cut in silence: packets are lost, and nobody is told."""

import itertools
import os
import secrets
import shutil
import subprocess
from typing import NoReturn

import pytest

from tests.servers import debian

NOBODY = "02:00:00:00:00:01"  # the hardware address of no interface: what is sent there is gone
PACKAGE = "iproute2"


class Place:
    """A network namespace that is joined to this machine by as many links as there are servers to be cut off from.

    It lives as long as its first process, which ends when our end of a pipe is closed, however that happens: nothing
    of it is left behind then.
    """

    def __init__(self, links: int) -> None:
        _can_be_made()
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo made; read -r word"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "made\n":
            _, said = self._holder.communicate()
            _skip(f"this system makes no network namespaces: {said.strip()}")
        self.links: list[Link] = []
        try:
            for number in range(links):
                self.links.append(Link(self._holder.pid, number))
        except AssertionError as error:
            self.close()
            _skip(f"this system makes no links between networks: {error}")

    @property
    def prefix(self) -> list[str]:
        """What a command begins with to be run there."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net"]

    def close(self) -> None:
        for link in self.links:
            link.close()
        self._holder.communicate()


class Link:
    """A cable of two ends: ours has the address `here`."""

    def __init__(self, pid: int, number: int) -> None:
        self._pid = pid
        self._ours, self._theirs = f"ty{secrets.token_hex(4)}", f"link{number}"
        self.here, self.there = _free_addresses()
        _ip("link", "add", self._ours, "type", "veth", "peer", "name", self._theirs, "netns", str(pid))
        for at, device, address in ((None, self._ours, self.here), (pid, self._theirs, self.there)):
            _ip("addr", "add", f"{address}/30", "dev", device, at=at)
            _ip("link", "set", device, "up", at=at)

    def cut(self) -> None:
        """From now on what either end sends arrives nowhere, and neither is told."""
        for at, device, peer in self._ends():
            _ip("neigh", "replace", peer, "lladdr", NOBODY, "dev", device, "nud", "permanent", at=at)

    def heal(self) -> None:
        for at, device, peer in self._ends():
            _ip("neigh", "del", peer, "dev", device, at=at)

    def _ends(self) -> list[tuple[int | None, str, str]]:
        return [(None, self._ours, self.there), (self._pid, self._theirs, self.here)]

    def close(self) -> None:
        _ip("link", "del", self._ours)


def _ip(*arguments: str, at: int | None = None) -> str:
    command = ["ip", *arguments]
    if at is not None:
        command = ["nsenter", f"--net=/proc/{at}/ns/net", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"
    return done.stdout


def _free_addresses() -> tuple[str, str]:
    """Returns two neighbours of a block that is meant for tests of networks (RFC 2544)."""
    used = _ip("-o", "-4", "addr")
    for _ in itertools.repeat(None, 100):
        block = f"198.{secrets.choice((18, 19))}.{secrets.randbelow(256)}"
        if block not in used:
            return f"{block}.1", f"{block}.2"
    raise AssertionError("no free addresses in 198.18.0.0/15")


def _can_be_made() -> None:
    if os.geteuid() != 0:
        _skip("only root may make a network of its own")
    if not shutil.which("ip"):
        debian.install(PACKAGE)
    missing = [program for program in ("ip", "unshare", "nsenter") if not shutil.which(program)]
    if missing:
        _skip(f"{' and '.join(missing)} cannot be found (Debian's packages {PACKAGE} and util-linux have them)")


def _skip(reason: str) -> NoReturn:
    """No server can stand in for a right that this machine does not give: no failure even in CI, but loud."""
    pytest.skip(f"{'#' * 20} NOT TESTED: partitions of the network. {reason} {'#' * 20}")
