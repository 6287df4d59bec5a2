"""The coordinator's process: it stands by until it leads; then it dispatches, reaps and does its duties in threads."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, connection

from tasks import database
from tasks.dispatching import Dispatcher
from tasks.duties import BrokerDuties, Round, row_duties
from tasks.leadership import COORDINATOR, Lead
from tasks.maintenance import Reaper
from tasks.pulse import Pulse
from tasks.services.bulk_actions import bulk_duties

logger = logging.getLogger(__name__)

REAP_EVERY = 1.0
DUTIES_EVERY = 0.25
STUCK_AFTER = 5.0  # seconds without a turn of the dispatcher, after which the lead is let go


class Coordinator:
    def __init__(self) -> None:
        self.lead = Lead()
        self.stopping = threading.Event()
        self._dispatcher = Dispatcher(self.lead)
        self._broker_duties = BrokerDuties()

    def run(self) -> None:
        """Runs until `stopping` is set. A database that is gone is waited for, however long."""
        threads = [
            threading.Thread(target=self._dispatcher.run, args=[self.stopping], name="dispatcher", daemon=True),
            threading.Thread(target=self._reap, name="reaper", daemon=True),
            threading.Thread(target=self._do_duties, name="duties", daemon=True),
        ]
        for thread in threads:
            thread.start()
        self._keep_the_lead()
        for thread in threads:
            thread.join(timeout=5)
        self._quietly(self.lead.resign)

    def _keep_the_lead(self) -> None:
        pulse = Pulse(COORDINATOR, "lead")
        while not self.stopping.is_set():
            pulse.beat()
            self._quietly(self._lead_once)
            self.stopping.wait(self.lead.lease / 4)
        pulse.stop()

    def _lead_once(self) -> None:
        if self.lead.term() is None:
            self.lead.acquire()
        elif time.monotonic() - self._dispatcher.last_turn < STUCK_AFTER:
            self.lead.renew()
        else:
            logger.error("the dispatcher has not gone round for %.0f s: the lead runs out", STUCK_AFTER)

    def _reap(self) -> None:
        reaper = Reaper()
        pulse = Pulse(COORDINATOR, "reaper")
        self._while_leading(REAP_EVERY, pulse, lambda term: reaper.poll(role=COORDINATOR, term=term))

    def _do_duties(self) -> None:
        pulse = Pulse(COORDINATOR, "duties")
        rounds = Round([*row_duties(), *bulk_duties(), *self._broker_duties.duties()], goes_on=pulse.beat)
        self._while_leading(DUTIES_EVERY, pulse, rounds.run_due)
        self._broker_duties.close()

    def _while_leading(self, every: float, pulse: Pulse, work: Callable[[int], object]) -> None:
        while not self.stopping.wait(every):
            pulse.beat()
            term = self.lead.term()
            if term is not None:
                self._quietly(lambda term=term: work(term))  # type: ignore[misc]
        pulse.stop()
        connection.close()

    def _quietly(self, work: Callable[[], object]) -> None:
        """Does something with the database; where that is gone, says so in one line and goes on.

        So it does after an error that nobody foresaw: a thread that ends would leave a leader that does half its work.
        """
        try:
            work()
        except (DatabaseError, InterfaceError) as error:
            logger.warning("the database does not answer: %s", database.reason(error))
            connection.close()
            self.stopping.wait(1.0)
        except Exception:
            logger.exception("the coordinator met an error that it does not know")
            self.stopping.wait(1.0)
