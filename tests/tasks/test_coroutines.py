"""What is held open in an event loop is closed before the loop is."""

import asyncio
from collections.abc import Iterator

import pytest

from tasks import coroutines
from tasks.coroutines import EventLoop, at_the_end


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[EventLoop]:
    monkeypatch.setattr(coroutines, "_closers", [])
    loop = EventLoop(places=2)
    yield loop
    loop.close()


def test_each_closer_runs_once_in_the_loop_itself(loop: EventLoop) -> None:
    seen: list[asyncio.AbstractEventLoop] = []

    @at_the_end
    async def closer() -> None:
        seen.append(asyncio.get_running_loop())

    at_the_end(closer)  # a module that is imported anew
    loop.close()
    loop.close()
    assert seen == [loop._loop]


def test_a_closer_that_fails_does_not_stop_the_next(loop: EventLoop, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    @at_the_end
    async def broken() -> None:
        raise ValueError("no")

    @at_the_end
    async def good() -> None:
        seen.append("closed")

    loop.close()
    assert seen == ["closed"]
    assert "broken" in caplog.text


def test_a_closer_that_hangs_does_not_hold_the_process(loop: EventLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coroutines, "TIDYING_SECONDS", 0.1)

    @at_the_end
    async def endless() -> None:
        await asyncio.sleep(3600)

    loop.close()
    assert loop._loop.is_closed()
