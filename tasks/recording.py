"""Endings on their way from a process to the database: set-wise, and one by one where a set is refused."""

import logging
import time
from uuid import UUID

from django.db import InterfaceError, OperationalError

from tasks import transitions
from tasks.holding import Holdings, Running
from tasks.notes import Notes

logger = logging.getLogger(__name__)

RECORD_WITHIN = 0.05  # seconds from a known outcome to its row
ENDINGS_AT_ONCE = 500


class Recorder:
    """Called in the keeper's thread only. An OperationalError or InterfaceError comes out of it and loses nothing."""

    def __init__(self, holdings: Holdings, notes: Notes, incarnation: UUID) -> None:
        self._holdings, self._notes, self._incarnation = holdings, notes, incarnation

    @property
    def due_at(self) -> float:
        """When (monotonic) the known endings are to be written; at once where there are many."""
        if self._holdings.ended >= ENDINGS_AT_ONCE:
            return 0.0
        return self._holdings.ended_since + RECORD_WITHIN

    def record(self) -> None:
        """Writes the known endings in one go; where one of them is refused by the database, each by itself."""
        batch = self._holdings.next_endings(ENDINGS_AT_ONCE)
        try:
            if not self._notes.is_empty:
                self._notes.write(self._incarnation)  # a task that is over shows all of its lines
            try:
                self._finish(batch)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001  (one bad outcome must not hold up the others)
                logger.error("an outcome cannot be stored, each is written by itself: %s", error)
                for running in batch:
                    self._finish_one(running)
        except Exception:
            self._holdings.put_back(batch)
            raise

    def _finish(self, batch: list[Running]) -> None:
        finished = transitions.finish([each.ending for each in batch if each.ending], incarnation=self._incarnation)
        for task_id, attempt in finished.refused:
            logger.warning("the outcome of attempt %s of task %s was refused: it lost its lease", attempt, task_id)
        over = finished.moved | finished.refused
        self._notes.forget(over)
        self._holdings.forget(over)
        self._holdings.put_back(each for each in batch if each.pair in finished.locked)

    def _finish_one(self, running: Running) -> None:
        for _ in range(2):
            try:
                self._finish([running])
                return
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001  (whatever it was, the attempt has to end)
                what = f"the database refused the outcome: {(str(error) or type(error).__name__).splitlines()[0]}"
                running.ending = running.attempt.raised(ValueError(what), at=time.monotonic())
        logger.error("attempt %s of task %s cannot be ended: its lease runs out", *running.pair[::-1])
        self._holdings.forget([running.pair])
