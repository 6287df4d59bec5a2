"""Ends cancelled HTTP exchanges with their connection closed and their place in the pool free.

httpcore 1.0.9 fails to do so at a few moments, each of which costs a place for good; the tests try every moment.
"""

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio
import httpcore

Result = TypeVar("Result")


async def cancelled_cleanly(exchange: Coroutine[Any, Any, Result]) -> Result:
    """Awaits the exchange. A cancellation from outside reaches it as anyio's, and is raised when all is tidied up.

    httpcore shields its tidying up against anyio's cancellation only, and asyncio's own breaks into it.
    """
    scope = anyio.CancelScope()

    async def scoped() -> list[Result]:
        with scope:
            return [await exchange]
        return []  # the scope ate its own cancellation

    task = asyncio.create_task(scoped())
    try:
        [result] = await asyncio.shield(task)
    except asyncio.CancelledError:
        scope.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # marks it as seen: it came second
        raise
    return result


class TidyPool(httpcore.AsyncConnectionPool):
    """A pool of HTTP/1.1 connections that lose nothing when their first request is cancelled."""

    def create_connection(self, origin: httpcore.Origin) -> httpcore.AsyncConnectionInterface:
        return _Connection(
            origin,
            ssl_context=self._ssl_context,
            keepalive_expiry=self._keepalive_expiry,
            network_backend=self._network_backend,
        )


class _Connection(httpcore.AsyncHTTPConnection):
    _is_unused = True

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        # Later requests may have got the connection while another one is using it: those must not close it.
        is_first, self._is_unused = self._is_unused, False
        try:
            return await super().handle_async_request(request)
        except BaseException:
            if is_first:
                with anyio.CancelScope(shield=True):
                    await self.aclose()
            raise


class TidyStream(httpcore.AsyncNetworkStream):
    """A connection before TLS that is closed when the handshake is cancelled."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()
            raise
