"""Free ports for servers of a test's own."""

import contextlib
import random
import socket

# From 32768 on the kernel hands ports to outgoing connections: one may sit on ours when the server starts again.
_PORTS = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Returns ports below 32768 on which nobody listens on the loopback interface. No process that asks here gets them
    as well while this one lives: a server may be down for a while, and comes back to its port."""
    found: list[int] = []
    for port in random.sample(_PORTS, 500):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            _hold(port)
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports between 20000 and 32000")


def _hold(port: int) -> None:
    """Raises OSError where a process holds the port already. The name is never closed, and goes with the process."""
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0taskyard-port-{port}")
    except OSError:
        name.close()
        raise
    name.detach()
