"""Signs of life of this process's loops, in files: `python -m deploy.healthy` reads them without asking the process.

A file is written by the very loop that it stands for, so that it grows old when that hangs. It says nothing of broker
and database: a loop that waits for them goes round. The writer holds a lock on it, which ends with the process.
"""

import fcntl
import logging
import os
import time
from pathlib import Path

from django.conf import settings

logger = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two writes, however often the loop goes round


class Pulse:
    """One loop's file: `process` is worker, coordinator or beat, `part` the loop's name there."""

    def __init__(self, process: str, part: str) -> None:
        self._process, self._part = process, part
        self._file: int | None = None
        self._next = 0.0

    def beat(self) -> None:
        """Says that the loop moves. Never raises: what cannot be written is logged, and looks as if the loop hung."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        try:
            if self._file is None:
                self._file = self._open()
            # The clock that all processes of a machine share and nobody sets: a change of the time makes no loop old.
            os.pwrite(self._file, b"%020.3f" % now, 0)
        except OSError as error:
            self._next = now + 60.0
            logger.warning("the health check is told nothing of %s: %s", self._part, error)

    def stop(self) -> None:
        """Ends the loop's sign of life: from now on nobody expects one."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            self._path().unlink(missing_ok=True)
        self._next = float("inf")

    def _path(self) -> Path:
        return Path(settings.PULSE_ROOT) / f"{self._process}.{self._part}.{os.getpid()}"

    def _open(self) -> int:
        path = self._path()
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_the_dead(path.parent, self._process)
        while True:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(file, fcntl.LOCK_SH)
            if _is_at(path, file):
                return file
            os.close(file)  # another process took it for a dead one's, before it was locked


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _remove_the_dead(folder: Path, process: str) -> None:
    """Removes what ended processes left."""
    for path in folder.glob(f"{process}.*"):
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            pass  # its process lives
        finally:
            os.close(file)
