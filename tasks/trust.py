"""The clock by which a process trusts its own lease: it goes on while the machine sleeps, as the database's does."""

import time


def seconds() -> float:
    """Returns seconds since some moment; CLOCK_MONOTONIC would stand still in a suspended laptop or VM."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
