"""Ctrl-C: the signal is noted, and acted upon where nothing is left half done.

An exception out of the handler itself may come in the middle of a frame from the broker, and the connection then waits
for ever when it is closed.
"""

import signal
import threading
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_asked = threading.Event()


class Stopped(Exception):
    """Somebody wants the benchmark to end."""


def listen() -> None:
    """Notes the signals from now on; SIGINT as well, which a shell has ignored by what it starts in the background."""
    for number in _SIGNALS:
        signal.signal(number, _note)


def _note(number: int, frame: FrameType | None) -> None:
    _asked.set()


def sleep(seconds: float) -> None:
    """Sleeps, no longer than until a signal comes. Raises Stopped."""
    _asked.wait(seconds)
    check()


def check() -> None:
    """Raises Stopped where a signal has come."""
    if _asked.is_set():
        raise Stopped
