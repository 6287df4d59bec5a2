"""What no handler should do: each way to harm its process has a name."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable

MIB = 1024 * 1024


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave() -> None:
    raise SystemExit(3)


def memory() -> None:
    raise MemoryError("no memory left")


def recurse() -> None:
    recurse()


class _Endless:
    def __getattr__(self, name: str) -> object:
        return getattr(self, name + "x")


def recurse_in_c() -> None:
    """Uses up the stack of C: the process dies of a segmentation fault."""
    sys.setrecursionlimit(10**9)
    _Endless().a  # noqa: B018


def deaf() -> None:
    """Lets no interrupt through, and says nothing for longer than anybody waits."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(600)


def hold_the_gil() -> None:
    """Waits in C for ever, which no signal ends, and lets no other thread of Python run."""
    library, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
    while True:
        library.pthread_mutex_lock(mutex)  # the second time it is ours already


def swallow() -> None:
    while True:
        try:
            time.sleep(0.05)
        except Exception:  # noqa: S112
            continue


def swallow_twice() -> None:
    """Keeps even interrupts to itself, until the third."""
    for _ in range(2):
        with contextlib.suppress(BaseException):
            time.sleep(600)
    time.sleep(600)


def fill() -> None:
    """Takes more and more memory."""
    held = []
    while True:
        held.append(b"x" * MIB)
        time.sleep(0.002)


def fill_at_once() -> None:
    """Takes 4 GB in one call that lets nobody in between."""
    _ = [0] * 500_000_000


def fill_and_swallow() -> None:
    """Takes more and more memory, whatever anybody says."""
    held = []
    while True:
        try:
            held.append(b"x" * MIB)
            time.sleep(0.002)
        except BaseException:  # noqa: S112
            continue


async def block() -> None:
    """Keeps the event loop from all others."""
    time.sleep(600)


async def leave_in_a_task_of_its_own() -> None:
    async def exits() -> None:
        leave()

    await asyncio.create_task(exits())


async def fill_in_steps() -> None:
    held = []
    while True:
        held.append(b"x" * MIB)
        await asyncio.sleep(0.002)


async def swallow_twice_in_a_coroutine() -> None:
    for _ in range(2):
        with contextlib.suppress(BaseException):
            await asyncio.sleep(600)
    await asyncio.sleep(600)


async def kill_from_a_coroutine() -> None:
    kill()


PLAIN: dict[str, Callable[[], None]] = {
    "kill": kill,
    "exit": leave,
    "memory": memory,
    "recurse": recurse,
    "recurse in C": recurse_in_c,
    "deaf": deaf,
    "hold the GIL": hold_the_gil,
    "swallow": swallow,
    "swallow twice": swallow_twice,
    "fill": fill,
    "fill at once": fill_at_once,
    "fill and swallow": fill_and_swallow,
}
ASYNC: dict[str, Callable[[], Awaitable[None]]] = {
    "kill": kill_from_a_coroutine,
    "swallow twice": swallow_twice_in_a_coroutine,
    "exit": leave_in_a_task_of_its_own,
    "block": block,
    "fill": fill_in_steps,
}
