"""What the coordinator does besides dispatching: small functions with a name and an interval."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from tasks import dead_letters, maintenance, presence, selectors
from tasks.leadership import COORDINATOR
from tasks.publishing import BROKER_ERRORS, Publisher, new_publisher

logger = logging.getLogger(__name__)

WORKERS_KEPT = 7 * 86_400.0  # seconds that a worker's row stays after its last heartbeat


@dataclass(frozen=True)
class Duty:
    """`work` gets the leader's term and returns how much it did."""

    name: str
    every: float  # seconds
    work: Callable[[int], int]


class BrokerDuties:
    """The duties that need the broker; they share a connection of their own."""

    def __init__(self) -> None:
        self._publisher: Publisher | None = None
        self._intake = dead_letters.Intake()

    def duties(self) -> list[Duty]:
        found = [
            Duty("return-lost-messages", 5.0, self._return_lost),
            Duty("forget-old-workers", 3600.0, lambda term: presence.forget_old(WORKERS_KEPT)),
        ]
        if settings.EMBEDDED_BROKER:
            found.append(Duty("remove-stale-files", 600.0, lambda term: maintenance.remove_stale_files()))
        else:
            found.append(Duty("announce-dead-letters", 1.0, self._announce))
            found.append(Duty("take-in-dead-letters", 1.0, self._take_in))
        return found

    def _return_lost(self, term: int) -> int:
        return self._with_broker(
            lambda publisher: maintenance.return_lost_messages(publisher, role=COORDINATOR, term=term)
        )

    def _announce(self, term: int) -> int:
        return self._with_broker(dead_letters.announce)

    def _take_in(self, term: int) -> int:
        try:
            return self._intake.poll()
        except Exception:
            self._intake.close()
            raise

    def _with_broker(self, call: Callable[[Publisher], int]) -> int:
        try:
            if self._publisher is None:
                publisher = new_publisher()
                publisher.open(selectors.queue_names())
                self._publisher = publisher
            return call(self._publisher)
        except BROKER_ERRORS:
            self.close()
            raise

    def close(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None


class Round:
    """Runs duties when they are due. One that raises is logged, counted and tried again; it never stops the others."""

    def __init__(self, duties: list[Duty]) -> None:
        self._duties = duties
        self._due = {duty.name: 0.0 for duty in duties}
        self.failures: dict[str, int] = {}

    def run_due(self, term: int) -> None:
        for duty in self._duties:
            if time.monotonic() < self._due[duty.name]:
                continue
            try:
                duty.work(term)
                self.failures.pop(duty.name, None)
            except Exception as error:  # noqa: BLE001
                times = self.failures[duty.name] = self.failures.get(duty.name, 0) + 1
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                logger.warning("the duty %s failed, %s. time in a row: %s", duty.name, times, reason)
                self._due[duty.name] = time.monotonic() + min(30.0, duty.every * 2 ** min(times, 5))
            else:
                self._due[duty.name] = time.monotonic() + duty.every
