"""What the coordinator does besides dispatching: small functions with a name and an interval."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from tasks import database, dead_letters, failure_groups, maintenance, presence, selectors, transitions
from tasks.leadership import COORDINATOR
from tasks.publishing import BROKER_ERRORS, Publisher, new_publisher

logger = logging.getLogger(__name__)

WORKERS_KEPT = 30 * 86_400.0  # seconds that a worker's row stays after its last heartbeat
GROUPS_KEPT = 180 * 86_400.0  # and a group's of which nothing is open, after its last death


@dataclass(frozen=True)
class Duty:
    """`work` gets the leader's term and returns how much it did."""

    name: str
    every: float  # seconds
    work: Callable[[int], int]


def _abandon(term: int) -> int:
    return maintenance.abandon_unknown_types(role=COORDINATOR, term=term)


def row_duties() -> list[Duty]:
    """Returns the duties that need nothing but the database."""
    return [
        Duty("settle-dependents", 0.5, lambda term: transitions.settle_rest()),
        Duty("repair-blocked", 600.0, lambda term: transitions.repair_blocked()),
        Duty("abandon-unknown-types", 10.0, _abandon),
        Duty("count-dead-letters", 1.0, lambda term: failure_groups.fold_changes()),
        Duty("recount-dead-letters", 600.0, lambda term: transitions.recount_groups()),
        Duty("forget-old-groups", 3600.0, lambda term: failure_groups.forget_old(GROUPS_KEPT)),
        Duty("forget-old-workers", 3600.0, lambda term: presence.forget_old(WORKERS_KEPT)),
    ]


class BrokerDuties:
    """The duties that need the broker; they share a connection of their own."""

    def __init__(self) -> None:
        self._publisher: Publisher = new_publisher()
        self._is_open = False
        self._intake = dead_letters.Intake()

    def duties(self) -> list[Duty]:
        found = [Duty("return-lost-messages", 5.0, self._return_lost)]
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
            if not self._is_open:
                self._publisher.open(selectors.queue_names())
                self._is_open = True
            return call(self._publisher)
        except BROKER_ERRORS:
            self._is_open = False
            raise

    def close(self) -> None:
        self._is_open = False
        self._publisher.close()


class Round:
    """Runs duties when they are due. One that raises is logged, counted and tried again; it never stops the others."""

    def __init__(self, duties: list[Duty], *, goes_on: Callable[[], None] = lambda: None) -> None:
        """`goes_on` is called before each duty."""
        self._duties, self._goes_on = duties, goes_on
        self._due = {duty.name: 0.0 for duty in duties}
        self.failures: dict[str, int] = {}

    def run_due(self, term: int) -> None:
        for duty in self._duties:
            if time.monotonic() < self._due[duty.name]:
                continue
            self._goes_on()
            try:
                duty.work(term)
                self.failures.pop(duty.name, None)
            except Exception as error:  # noqa: BLE001
                times = self.failures[duty.name] = self.failures.get(duty.name, 0) + 1
                reason = database.reason(error)
                logger.warning("the duty %s failed, %s. time in a row: %s", duty.name, times, reason)
                pause = duty.every * 2 ** min(times, 5)
                if isinstance(error, (OperationalError, InterfaceError)):
                    # A connection that broke stays broken until it is closed. When the database is back, what was
                    # lost meanwhile should not have to wait as well.
                    connection.close()
                    pause = max(1.0, duty.every)
                self._due[duty.name] = time.monotonic() + min(30.0, pause)
            else:
                self._due[duty.name] = time.monotonic() + duty.every
