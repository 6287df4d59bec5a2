"""Connections as httpcore uses them, with what it leaves out: a bound on what comes before an answer, and tidy ends."""

import ssl
from typing import Any

import httpcore

# h11 takes about 100 KiB of headers, but informational answers (1xx) without an end, and it reads them in one go.
MOST_BEFORE_THE_ANSWER = 192 * 1024


class BoundedStream(httpcore.AsyncNetworkStream):
    """A connection, plain or in TLS. From a request's first byte to its answer's headers no more than so much comes in.

    It is closed when the handshake is cancelled, where httpcore (1.0.9) leaves it open.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._before_the_answer: int | None = 0

    def answer_has_come(self) -> None:
        """Lifts the bound until the next request; the body has limits of its own."""
        self._before_the_answer = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        if self._before_the_answer is not None:
            self._before_the_answer += len(data)
            if self._before_the_answer > MOST_BEFORE_THE_ANSWER:
                raise httpcore.RemoteProtocolError(
                    f"more than {MOST_BEFORE_THE_ANSWER:,} bytes came before the end of the answer's headers"
                )
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._before_the_answer is None:
            self._before_the_answer = 0
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            return BoundedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            await self._stream.aclose()
            raise
