"""Arms the product's kill points, for processes that were started with KILL_POINTS naming the folder."""

import os
import signal
from pathlib import Path

from tasks.kill_points import KillPoint
from tests.broker.processes import wait_until


class ArmedPoints:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def arm(self, point: KillPoint, number: signal.Signals = signal.SIGKILL) -> None:
        """Lets the next process that reaches the point get this signal there."""
        new = self.folder / f"new.{os.getpid()}"
        new.write_text(str(int(number)))
        new.rename(self.folder / point)

    def await_taken(self, point: KillPoint, *, within: float) -> int:
        """Waits until a process has reached the point and returns its pid. The point can be armed again."""

        def taken() -> list[Path]:
            return list(self.folder.glob(f"{point}.*"))

        (path,) = wait_until(taken, within=within, what=f"a process reaches the point {point}")
        path.unlink()
        return int(path.suffix[1:])
