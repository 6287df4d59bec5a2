"""Who this worker is: set in its main process before the pool forks, read in each pool process."""

import mmap
import socket
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Node:
    name: str
    group: str = "default"
    lines: list[str] = field(default_factory=list)
    processes: int = 1
    pid: int = 0
    host: str = field(default_factory=socket.gethostname)
    # Shared with the pool processes, which hear nothing of a warm shutdown otherwise.
    _stopping: Any = field(default_factory=lambda: mmap.mmap(-1, 1))

    @property
    def is_stopping(self) -> bool:
        return bool(self._stopping[0])

    def stop(self) -> None:
        self._stopping[0] = 1


this: Node | None = None


def become(node: Node) -> None:
    global this
    this = node
