"""The pools of HTTP connections: one a process, event loop and kind of TLS, made when first needed."""

import asyncio
import functools
import os
import ssl

import httpx
from django.conf import settings

from tasks.handlers.address_guard import GuardedTransport

# The process is part of the key because a forked child must not write to its parent's connections. What the parent left
# behind stays here untouched: closing a loop would unregister sockets from the epoll that both still share.
_transports: dict[tuple[int, asyncio.AbstractEventLoop, bool], GuardedTransport] = {}


def transport(*, verify_tls: bool) -> GuardedTransport:
    """Returns the running loop's transport.

    It is a bare transport rather than an httpx.AsyncClient: the client's cookie jar would carry one task's cookies to
    another's request, its redirects read bodies without a limit, and its log lines hold whole URLs.
    """
    key = (os.getpid(), asyncio.get_running_loop(), verify_tls)
    found = _transports.get(key)
    if found is None:
        for old in list(_transports):
            if old[0] == key[0] and old[1].is_closed():
                _transports.pop(old, None)
        found = _transports[key] = GuardedTransport(_ssl_context(verify_tls), settings.COROUTINES_PER_PROCESS)
    return found


async def close_transports() -> None:
    """Closes the running loop's connections; the next request opens new ones. For the end of a loop."""
    here = (os.getpid(), asyncio.get_running_loop())
    for key in [key for key in _transports if key[:2] == here]:
        await _transports.pop(key).aclose()


@functools.cache
def _ssl_context(verify_tls: bool) -> ssl.SSLContext:
    # 20 ms of loading certificates, once a process. SSL_CERT_FILE and SSL_CERT_DIR are heeded, for a company's own CA.
    return httpx.create_ssl_context(verify=verify_tls, trust_env=True)
