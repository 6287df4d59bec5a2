"""How much memory this process holds, and the limit at which a query is ended."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from django.conf import settings

from tasks.exceptions import TaskFailed
from tasks.states import FailureCategory

MIB = 1024 * 1024
PATIENCE = 10.0  # seconds
LAST_RESORT = 2  # times the limit: more than that a query that ends of itself may not take either

HEAD_START = 0.5  # seconds that the engine gets to write down how the task ended

logger = logging.getLogger(__name__)


def resident() -> int:
    """Returns the bytes of this process that are in memory; 0 on systems without /proc."""
    with suppress(OSError), open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def await_room(check_cancelled: Callable[[], None]) -> None:
    """Waits until what an earlier query held has gone back to the system, which takes a moment.

    Raises TaskFailed, to be tried again elsewhere, where it does not go.
    """
    until = time.monotonic() + PATIENCE
    while excess() is not None:
        if time.monotonic() > until:
            raise TaskFailed(
                f"before the query the process held {resident() // MIB:,} MiB already, and the limit is "
                f"{settings.DATA_MEMORY_LIMIT:,} MiB (DATA_MEMORY_LIMIT)",
                category=FailureCategory.CODE_ERROR,
                retryable=True,
            )
        check_cancelled()
        time.sleep(0.05)


def excess() -> TaskFailed | None:
    """Returns the failure of a task that has brought the process over DATA_MEMORY_LIMIT."""
    size = resident()
    if size <= settings.DATA_MEMORY_LIMIT * MIB:
        return None
    return TaskFailed(
        f"the process grew to {size // MIB:,} MiB and the limit is {settings.DATA_MEMORY_LIMIT:,} MiB "
        "(DATA_MEMORY_LIMIT): filter or select before what holds rows in memory (sort, join's right side, "
        "deduplicate, many groups), or split the work by batches",
        category=FailureCategory.CODE_ERROR,
        retryable=False,
    )


def guard_what_is_left(ended: threading.Event) -> None:
    """Ends this process if a query that nobody waits for any more, and that cannot be stopped, goes on growing.

    Its task has its outcome by then. What else is in the process is taken for lost and runs elsewhere.
    """

    def watch() -> None:
        if ended.wait(HEAD_START):
            return
        while not ended.wait(0.1):
            if resident() > LAST_RESORT * settings.DATA_MEMORY_LIMIT * MIB:
                logger.critical("a query that was ended holds %s MiB: the process ends with it", resident() // MIB)
                os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="data_processing_memory", daemon=True).start()
