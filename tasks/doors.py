"""Through which door a change comes in: a context that the web, the commands and the coordinator set.

It knows no rows, so that a program can name its door before Django is set up.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from tasks.states import Door


@dataclass(frozen=True, slots=True)
class Entrance:
    door: Door
    request: Any = None


_UNASKED = Entrance(Door.SYSTEM)
_entrance: ContextVar[Entrance] = ContextVar("entrance", default=_UNASKED)


@contextmanager
def through(door: str, request: Any = None) -> Iterator[None]:
    """What is changed inside comes through this door: "admin", "api", "command line" or "system".

    The request's user is read when something is noted, because the API authenticates later.
    """
    token = _entrance.set(Entrance(Door(door), request))
    try:
        yield
    finally:
        _entrance.reset(token)


def entrance() -> Entrance:
    """Returns where the caller came in. A thread of its own came in nowhere: that is the system."""
    return _entrance.get()
