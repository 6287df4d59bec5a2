import asyncio
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tasks.handlers.http_transports import GuardedTransport, close_transports, transport
from tests.tasks.handlers.http_server import Answer, Site, SocketServer, replying, server_tls
from tests.tasks.handlers.http_task import requested

MOMENTS = 100  # more turns of the event loop than a request takes


async def _transport() -> GuardedTransport:
    return transport(verify_tls=True)


def test_each_loop_and_kind_of_tls_has_one_of_its_own() -> None:
    async def four() -> list[GuardedTransport]:
        return [transport(verify_tls=verify_tls) for verify_tls in (True, True, False, False)]

    one, same, unverified, also_unverified = asyncio.run(four())
    assert one is same
    assert unverified is also_unverified
    assert one is not unverified
    assert asyncio.run(_transport()) is not one


def test_forked_child_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def before_and_after() -> tuple[GuardedTransport, GuardedTransport]:
        before = transport(verify_tls=True)
        monkeypatch.setattr(os, "getpid", lambda: -1)
        return before, transport(verify_tls=True)

    before, after = asyncio.run(before_and_after())
    assert before is not after


def test_connection_is_used_again_until_closed(site: Site) -> None:
    async def three() -> None:
        await requested(url=site.url())
        await requested(url=site.url())
        await close_transports()
        await requested(url=site.url())
        await close_transports()

    asyncio.run(three())
    first, second, third = (each.connection for each in site.received)
    assert first == second
    assert second != third


def test_connection_is_used_for_its_own_origin_only(site: Site, other_site: Site) -> None:
    async def both() -> None:
        for each in (site, other_site, site, other_site):
            await requested(url=each.url())
        await close_transports()

    asyncio.run(both())
    for each in (site, other_site):
        assert len(each.received) == 2
        assert each.received[0].connection == each.received[1].connection


def test_connection_that_the_server_closed_meanwhile_is_not_used(socket_server: Callable[..., SocketServer]) -> None:
    def talk(connection: socket.socket) -> None:
        replying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(connection)
        time.sleep(0.05)
        connection.shutdown(socket.SHUT_RDWR)

    server = socket_server(talk)

    async def two() -> None:
        for _ in range(2):
            assert (await requested(url=f"http://127.0.0.1:{server.port}/"))["status"] == 200
            await asyncio.sleep(0.15)
        await close_transports()

    asyncio.run(two())


def test_idle_connections_are_kept_up_to_the_number_of_coroutines(site: Site, settings: Any) -> None:
    settings.COROUTINES_PER_PROCESS = 3

    async def many() -> int:
        await asyncio.gather(*(requested(url=site.url()) for _ in range(20)))
        idle = len(transport(verify_tls=True)._idle)
        await close_transports()
        return idle

    assert asyncio.run(many()) == 3
    assert len(site.received) == 20


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"])
def test_cancelled_task_hangs_up(socket_server: Callable[..., SocketServer], begun: bytes) -> None:
    server = socket_server(replying(begun))

    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await requested(url=f"http://127.0.0.1:{server.port}/")
        # While the loop still lives: its end would close everything anyway.
        assert await asyncio.to_thread(server.closed.wait, 2)

    asyncio.run(cancelled())


def test_task_cancelled_in_the_handshake_hangs_up(socket_server: Callable[..., SocketServer]) -> None:
    server = socket_server(lambda connection: None)

    async def cancelled() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await requested(url=f"https://127.0.0.1:{server.port}/")
        assert await asyncio.to_thread(server.closed.wait, 2)

    asyncio.run(cancelled())


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("pooled", [False, True])
def test_no_moment_of_cancellation_leaves_a_connection_open(settings: Any, tls: bool, pooled: bool) -> None:
    settings.HTTP_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]
    open_ones: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
                await asyncio.sleep(0)
                writer.write(b"llo")
        writer.close()
        open_ones.discard(asyncio.current_task())

    async def only_idle_ones_are_open() -> None:
        async with asyncio.timeout(2):
            while len(open_ones) > len(transport(verify_tls=False)._idle):
                await asyncio.sleep(0.001)

    async def every_moment() -> int:
        # In the same loop, so that a turn of it is the same moment each time.
        server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_tls() if tls else None)
        url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for moment in range(MOMENTS):
            if pooled:
                await requested(url=url, verify_tls=False)
            else:
                await close_transports()
            task = asyncio.create_task(requested(url=url, verify_tls=False))
            for _ in range(moment):
                await asyncio.sleep(0)
            if task.done():
                break
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await only_idle_ones_are_open()
            # What is kept must be fit for use.
            assert (await requested(url=url, verify_tls=False))["text"] == "hello"
        await close_transports()
        await only_idle_ones_are_open()
        server.close()
        return moment

    assert 5 < asyncio.run(every_moment()) < MOMENTS - 1


def test_cancelled_neighbour_does_not_disturb(site: Site) -> None:
    site.answers["/x"] = Answer(200, {}, b"a" * 1000)

    async def many() -> list[object]:
        tasks = [asyncio.create_task(requested(url=site.url("/x"))) for _ in range(60)]
        for turn in range(30):
            await asyncio.sleep(0)
            tasks[2 * turn].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await close_transports()
        return list(results)

    results = asyncio.run(many())
    assert all(isinstance(each, dict) for each in results[1::2])
    assert any(isinstance(each, asyncio.CancelledError) for each in results[::2])
