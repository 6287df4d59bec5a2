"""The pools of HTTP connections: one a process, event loop and kind of TLS, made when first needed.

A pool of our own over httpcore's connections, because httpcore's (1.0.9) loses places and sockets for good at several
moments of a cancellation, which is every timeout here, and looks at all connections for each other one at each request:
at 200 of them that is most of its time.
"""

import asyncio
import functools
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpcore
import httpx
from django.conf import settings

from tasks.coroutines import at_the_end
from tasks.handlers.address_guard import GuardedBackend
from tasks.handlers.http_streams import BoundedStream

IDLE_SECONDS = 5.0

# The process is part of the key because a forked child must not write to its parent's connections. What the parent left
# behind stays here untouched: closing its loop would unregister sockets from the epoll that both still share.
_transports: dict[tuple[int, asyncio.AbstractEventLoop, bool], "GuardedTransport"] = {}


def transport(*, verify_tls: bool) -> "GuardedTransport":
    """Returns the running loop's transport.

    It is used bare, without an httpx.AsyncClient: the client's cookie jar would carry one task's cookies to another's
    request, its redirects read bodies without a limit, and its log lines hold whole URLs.
    """
    key = (os.getpid(), asyncio.get_running_loop(), verify_tls)
    found = _transports.get(key)
    if found is None:
        for old in list(_transports):
            if old[0] == key[0] and old[1].is_closed():
                _transports.pop(old, None)
        found = _transports[key] = GuardedTransport(_ssl_context(verify_tls), settings.COROUTINES_PER_PROCESS)
    return found


@at_the_end
async def close_transports() -> None:
    """Closes the running loop's idle connections; the next request opens new ones."""
    here = (os.getpid(), asyncio.get_running_loop())
    for key in [key for key in _transports if key[:2] == here]:
        await _transports.pop(key).aclose()


class GuardedTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over connections that the address guard opens, and keeps up to `most_idle` of them for further requests.

    It takes no proxy, from the environment or elsewhere. How many connections are open at a time is its users' affair:
    a request never waits for another one's connection.
    """

    def __init__(self, ssl_context: ssl.SSLContext, most_idle: int) -> None:
        self._ssl_context, self._most_idle = ssl_context, most_idle
        self._backend = GuardedBackend()
        self._idle: list[httpcore.AsyncHTTPConnection] = []  # those used last stand last

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends the request and returns the response, whose body is unread. It must be closed, in any case."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        wire = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        connection = await self._connection(url.origin)
        try:
            with _as_httpx_errors():
                response = await connection.handle_async_request(wire)
        except BaseException:
            await connection.aclose()
            raise
        stream = response.extensions["network_stream"]
        if isinstance(stream, BoundedStream):
            stream.answer_has_come()
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_ResponseStream(response, connection, self),
            extensions=response.extensions,
        )

    async def give_back(self, connection: httpcore.AsyncHTTPConnection) -> None:
        """Keeps a connection whose response was read to its end and was all there was, and closes any other."""
        if not connection.is_idle() or _holds_more(connection):
            await connection.aclose()
            return
        self._idle.append(connection)
        while self._idle and (len(self._idle) > self._most_idle or self._idle[0].has_expired()):
            await self._idle.pop(0).aclose()

    async def aclose(self) -> None:
        while self._idle:
            await self._idle.pop().aclose()

    async def _connection(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        for place in range(len(self._idle) - 1, -1, -1):
            if self._idle[place].can_handle_request(origin):
                connection = self._idle.pop(place)
                if not connection.has_expired():
                    return connection
                # The older ones of this origin have as good as expired too, and leave by `give_back`.
                await connection.aclose()
                break
        return httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._ssl_context, keepalive_expiry=IDLE_SECONDS, network_backend=self._backend
        )


class _ResponseStream(httpx.AsyncByteStream):
    def __init__(
        self, response: httpcore.Response, connection: httpcore.AsyncHTTPConnection, transport: GuardedTransport
    ) -> None:
        self._response, self._connection, self._transport = response, connection, transport
        self._is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx_errors():
            async for part in self._response.aiter_stream():
                yield part

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        try:
            await self._response.aclose()
        finally:
            await self._transport.give_back(self._connection)


def _holds_more(connection: httpcore.AsyncHTTPConnection) -> bool:
    """Tells whether bytes came in behind the response: the next request, another task's, would take them for its own.

    httpcore (1.0.9) keeps them without a word, and only within. Where it is built otherwise, nothing is used again.
    """
    try:
        return bool(connection._connection._h11_state.trailing_data[0])  # type: ignore[union-attr]
    except AttributeError:
        return True


@contextmanager
def _as_httpx_errors() -> Iterator[None]:
    """Turns httpcore's errors into httpx's, which have the same names, and those that it lets through."""
    try:
        yield
    except ssl.SSLError as error:  # within the connection: a broken record, or the client's certificate is missed
        raise httpx.ReadError(str(error)) from error
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error


@functools.cache
def _ssl_context(verify_tls: bool) -> ssl.SSLContext:
    # 20 ms of loading certificates, once a process. SSL_CERT_FILE and SSL_CERT_DIR are heeded, for a company's own CA.
    return httpx.create_ssl_context(verify=verify_tls, trust_env=True)
