"""How many requests a second one user, and one key, may send to one web process; docs/adr/0018 says why a process."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from tasks import logins
from tasks.models import ApiKey

BURST = 4.0  # seconds' worth of requests that may come at once
MOST_KNOWN = 10_000


class Limiter:
    """Lets a rate through, and bursts: one number for each sender (GCRA: ITU-T I.371, annex A)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, sender: str, rate: float) -> float:
        """Counts a request of the sender and returns 0, or returns the seconds until one would be let through."""
        now = self._clock()
        with self._lock:
            until = max(self._full_until.get(sender, now), now) + 1 / rate
            if until - now > max(BURST, 1 / rate):
                return until - now - max(BURST, 1 / rate)
            self._full_until[sender] = until
            self._full_until.move_to_end(sender)
            if len(self._full_until) > MOST_KNOWN:
                self._full_until.popitem(last=False)
        return 0.0


LIMITER = Limiter()


class Throttle(BaseThrottle):
    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        sender, rate = self.sender(request)
        if sender and rate:
            self._wait = LIMITER.wait(sender, rate)
        return not self._wait

    def wait(self) -> float | None:
        return self._wait or None

    def sender(self, request: Request) -> tuple[str, int]:
        """Returns who is counted, "" for nobody, and how many requests a second they may send."""
        raise NotImplementedError


class UserThrottle(Throttle):
    def sender(self, request: Request) -> tuple[str, int]:
        return f"user {request.user.pk}" if request.user.pk is not None else "", settings.API_USER_RATE


class KeyThrottle(Throttle):
    def sender(self, request: Request) -> tuple[str, int]:
        return f"key {request.auth.pk}" if isinstance(request.auth, ApiKey) else "", settings.API_KEY_RATE


class LoginThrottle(Throttle):
    """Refuses an address or a name that failed to sign in too often lately."""

    def allow_request(self, request: Request, view: Any) -> bool:
        name = request.data.get("username", "") if isinstance(request.data, dict) else ""
        self._wait = logins.wait(request.META.get("REMOTE_ADDR", ""), str(name))
        return not self._wait
