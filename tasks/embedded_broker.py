"""The broker of the embedded mode: kombu's filesystem transport with its holes closed, and with priorities.

kombu opens a message under its final name and then writes it: a consumer that takes it in between reads nothing, and
its worker exits. Here a message is written aside and renamed, taken by a rename into the taker's folder, and set aside
where it does not parse. Messages of a killed worker are gone; their rows come back by the coordinator's sweep.
"""

import logging
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for folder in (self.data_folder_in, self._taken, self.control_folder):
            Path(folder).mkdir(parents=True, exist_ok=True)

    @property
    def _taken(self) -> Path:
        return Path(self.processed_folder)

    def _put(self, queue: str, payload: dict[str, Any], **kwargs: Any) -> None:
        priority = 9 - min(9, max(0, int(payload.get("properties", {}).get("priority") or 0)))
        name = f"{priority}_{time.time_ns():020d}_{uuid.uuid4().hex}.{queue}.msg"
        aside = self._taken / f"{name}.new"
        with open(aside, "wb") as file:
            file.write(str_to_bytes(dumps(payload)))
        os.replace(aside, Path(self.data_folder_out) / name)

    def _get(self, queue: str) -> Any:
        ending = f"{queue}.msg"
        for name in sorted(self._names(ending)):
            mine = self._taken / f"{os.getpid()}_{name}"
            try:
                os.rename(Path(self.data_folder_in) / name, mine)
            except OSError:
                continue  # another consumer was quicker
            try:
                message = loads(bytes_to_str(mine.read_bytes()))
            except ValueError:
                logger.error("message %s does not parse: set aside in %s", name, self._taken)
                os.rename(mine, self._taken / f"unreadable_{name}")
                continue
            mine.unlink()
            return message
        raise Empty()

    def _size(self, queue: str) -> int:
        return len(self._names(f"{queue}.msg"))

    def _names(self, ending: str) -> list[str]:
        try:
            return [name for name in os.listdir(self.data_folder_in) if name.partition(".")[2] == ending]
        except OSError:
            return []  # the folder is gone: the dispatcher makes it again

    def queue_bind(self, *args: Any, **kwargs: Any) -> None:
        # Two processes that make an exchange's table at the same moment leave one binding out or spoil the file.
        with open(Path(self.control_folder) / "bind.lock", "w") as file:
            filesystem.lock(file, filesystem.LOCK_EX)
            super().queue_bind(*args, **kwargs)


class Transport(filesystem.Transport):
    Channel = Channel
