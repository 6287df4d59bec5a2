"""What a pool process takes of the machine's memory, and what happens past WORKER_MEMORY_LIMIT (0: nothing does).

Past the limit the process is full: it takes no more tasks, the one that made it grow is interrupted, and Celery puts a
fresh process in its place after the message. Past FAR of it nothing in the process listens, and it ends. One big
allocation, which leaves no time for either, is refused by the kernel: Python makes a MemoryError of that.
"""

import resource
import time
from contextlib import suppress
from pathlib import Path

MIB = 1024 * 1024
FAR = 1.5  # times the limit
REFUSED = 2.0  # times the limit, over what the process has at its start
STACKS = 512 * MIB  # of threads that are to come: the kernel counts each with all that it may take
LOOK_EVERY = 0.1  # seconds
FIRST_TO_GO = 500  # the kernel, out of memory, chooses a pool process rather than the worker or a server

_PAGE = resource.getpagesize()


def bound(limit: int) -> None:
    """Has the kernel bound this process, a pool's: `limit` is in MiB. Where there is no /proc, nothing is bound."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(FIRST_TO_GO))
    if not limit:
        return
    with suppress(OSError, ValueError, IndexError):
        # Not RLIMIT_AS: address space that nobody touches costs nothing, and threads and Polars ask for a lot of it.
        data = int(Path("/proc/self/statm").read_text().split()[5]) * _PAGE
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (data + STACKS + int(REFUSED * limit * MIB), most))


def resident() -> int:
    """Returns the bytes that this process has in memory; 0 where that cannot be read."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read(100).split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0


class Memory:
    """A process's use of memory, as the keeper sees it."""

    def __init__(self, limit: int) -> None:
        self.limit = limit * MIB
        self.used = resident() if limit else 0
        self.was_over = False  # once is enough: what an interrupted handler leaves is not all given back
        self._look_at = 0.0

    @property
    def is_over(self) -> bool:
        return bool(self.limit) and self.used > self.limit

    @property
    def is_far_over(self) -> bool:
        return bool(self.limit) and self.used > self.limit * FAR

    def look(self) -> None:
        if self.limit and (now := time.monotonic()) >= self._look_at:
            self._look_at, self.used = now + LOOK_EVERY, resident()
            self.was_over = self.was_over or self.is_over

    def is_to_blame(self, before: int) -> bool:
        """Tells whether what began at so many bytes made the process grow, and not what was there before it."""
        return self.used - before > self.limit / 2

    def __str__(self) -> str:
        return f"{self.used // MIB:,} MiB; the limit is {self.limit // MIB:,} MiB (WORKER_MEMORY_LIMIT)"
