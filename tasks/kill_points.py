"""Points at which a test lets a process die or freeze, to see what that leaves behind. In operation they do nothing."""

import os
import signal
from enum import StrEnum
from pathlib import Path

from django.conf import settings


class KillPoint(StrEnum):
    STORED = "stored"  # a submission is in the database, and whoever sent it has not heard so
    STORING = "storing"  # a list is inserted and not committed
    MARKED = "marked"  # tasks are queued and no message is sent
    SENT = "sent"  # messages are sent, and the broker has confirmed none
    CONFIRMED = "confirmed"  # messages are confirmed, and nobody has noted it
    CLAIMED = "claimed"  # tasks are processing, and no handler has begun
    RENEWING = "renewing"  # leases are about to be renewed
    RECORDING = "recording"  # handlers have ended, and no outcome is written
    MOVED = "moved"  # the tasks' rows have moved, their attempts are not written, nothing is committed
    RECORDED = "recorded"  # outcomes are committed, and the process does not know it
    REAPING = "reaping"  # lost tasks have moved, nothing is committed
    REAPED = "reaped"  # lost tasks have moved for good
    ACTING = "acting"  # a batch of a bulk action has moved, its cursor has not, nothing is committed
    ACTED = "acted"  # a batch of a bulk action is committed, and the coordinator does not know it


def reached(point: KillPoint) -> None:
    """Sends this process a signal where the folder KILL_POINTS holds a file of the point's name with the number in it.

    Only one process, the one that takes the file away, and only once.
    """
    if not settings.KILL_POINTS:
        return
    folder = Path(settings.KILL_POINTS)
    try:
        # Read before it is taken: the test may clear it away as soon as it sees that.
        number = int((folder / point).read_text())
        (folder / point).rename(folder / f"{point}.{os.getpid()}")
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.Signals(number))
