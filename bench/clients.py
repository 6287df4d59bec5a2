"""Clients that post the same body one after another over connections they keep: plain sockets, to cost little here."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench import stopping
from bench.processes import BenchFailed


@dataclass(frozen=True)
class Load:
    """What a number of clients got; times in seconds."""

    seconds: float
    latencies: list[float]


def post(url: str, body: bytes, *, token: str, clients: int, requests: int) -> Load:
    """Has the clients post `requests` times in all. Raises BenchFailed for an answer that is not 201, Stopped."""
    return asyncio.run(_post(url, body, token, clients, requests))


async def _post(url: str, body: bytes, token: str, clients: int, requests: int) -> Load:
    where = urlsplit(url)
    head = [
        f"POST {where.path} HTTP/1.1",
        f"Host: {where.netloc}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    request = "\r\n".join([*head, "", ""]).encode() + body
    shares = [requests // clients + (number < requests % clients) for number in range(clients)]
    began = time.perf_counter()
    latencies = await asyncio.gather(*(_client(where.hostname, where.port, request, share) for share in shares))
    return Load(time.perf_counter() - began, [each for of_client in latencies for each in of_client])


async def _client(host: str | None, port: int | None, request: bytes, requests: int) -> list[float]:
    reader, writer = await asyncio.open_connection(host, port)
    latencies = []
    try:
        for _ in range(requests):
            stopping.check()
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            answer = await reader.readexactly(_length(head))
            latencies.append(time.perf_counter() - began)
            if head.split(None, 2)[1] != b"201":
                raise BenchFailed(f"a request was answered with {head.splitlines()[0].decode()}: {answer[:300]!r}")
    except (OSError, EOFError) as error:
        raise BenchFailed(f"the web process ended a connection: {error!r}") from None
    finally:
        writer.close()
    return latencies


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise BenchFailed("an answer names no length")
