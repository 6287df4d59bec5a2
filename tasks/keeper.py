"""The keeper: one thread of each pool process, which owns the engine's only database connection there.

It claims, records, renews, hands back, writes the heartbeat and watches deadlines. What the handlers' threads want of
it goes through a lock and a condition; no statement of the engine ever runs where a handler may be interrupted.
"""

import faulthandler
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from tasks import database, presence, selectors, transitions, trust
from tasks.classifying import RulesInForce
from tasks.coroutines import EventLoop
from tasks.errands import Errands
from tasks.guarding import WEDGED_EXIT, Guard
from tasks.holding import Holdings, Message, Running
from tasks.node import Node
from tasks.notes import Notes
from tasks.outcomes import Attempt
from tasks.pulse import Pulse
from tasks.recalling import recall
from tasks.recording import Recorder
from tasks.transitions import Ending

logger = logging.getLogger(__name__)

NOTES_WITHIN = 0.5
CANCELS_EVERY = 1.0
HEARTBEAT = 4.0
RULES_EVERY = 5.0  # seconds until a changed rule is in force
TICK = 0.1  # seconds between two looks at deadlines and at the byte that says "stop", which has no bell
LONGEST_PAUSE = 5.0


class Keeper:
    def __init__(self, node: Node) -> None:
        self.node = node
        self.incarnation = uuid.uuid4()
        self.notes = Notes()
        self.message = Message()
        self._holdings = Holdings()
        self._changed = self._holdings.changed
        self._lease = float(settings.LEASE_SECONDS)
        self._errands = Errands(self._changed)
        self._recorder = Recorder(self._holdings, self.notes, self.incarnation)
        self._guard = Guard(self._holdings, self.notes, lease=self._lease, share=self._share)
        self._rules = RulesInForce()
        self._pulse = Pulse("worker", "keeper")
        self._claimed_at: float | None = None
        self._unknown_claim = False
        self._renew_at = self._cancels_at = self._heartbeat_at = self._notes_at = self._database_at = 0.0
        self._rules_at = 0.0
        self._pause = 0.0
        self._stop = False
        self._thread = threading.Thread(target=self._live, name="taskyard-keeper", daemon=True)

    # --- What the other threads call ----------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    @property
    def draining(self) -> bool:
        return self._holdings.draining_since is not None

    @property
    def takes_no_more(self) -> bool:
        """Whether this process begins nothing new: its worker is stopping, or its memory is full."""
        return self.draining or self._guard.memory.was_over

    @property
    def held(self) -> int:
        return len(self._holdings)

    def watch_loop(self, loop: EventLoop) -> None:
        """From now on whatever keeps the loop from its coroutines is named."""
        self._guard.watch_loop(loop)

    def mean(self, type_name: str) -> float | None:
        """Returns the type's mean run time in seconds as this process knows it."""
        return self._holdings.mean(type_name)

    def claim(self, ids: list[uuid.UUID], *, queue: str, alone: bool) -> list[Running]:
        """Claims what can be claimed and waits for it, through outages too. Nothing once the worker is stopping."""
        return self._errands.ask(lambda: self._claim(ids, queue, alone)).result() or []

    def give_back(self, ids: list[uuid.UUID]) -> None:
        """Returns unclaimed ids of a message to `pending`."""
        if ids:
            self._errands.ask(lambda: transitions.return_queued(ids)).result()

    def give_up_message(self) -> None:
        """Hands back what its message brought and has not begun, because an error of our own came between."""
        self._holdings.hand_back_waiting("an error came before it")
        if rest := self.message.close():
            self._errands.ask(lambda: transitions.return_queued(rest))

    def knows_any(self, ids: list[uuid.UUID]) -> bool:
        """Tells whether any of the tasks exists. Nothing can be said, and so True, once the worker is stopping."""
        return self._errands.ask(lambda: selectors.any_exists(ids)).result() is not False

    def begin(self, running: Running, stop: Callable[[], None]) -> bool:
        """Decides that the attempt begins. False where it was handed back before."""
        return self._holdings.begin(running, stop, memory=self._guard.memory.used)

    def end(self, running: Running, ending: Ending) -> None:
        """Takes the attempt's ending, to be written within RECORD_WITHIN seconds. The first ending counts."""
        self._holdings.end(running, ending)

    def stop(self, timeout: float) -> None:
        """Hands back what has not begun, waits for the rest as long as a drain lasts, writes everything and ends."""
        self._holdings.drain()
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self.held, timeout)
            self._stop = True
            self._errands.close()
            self._changed.notify_all()
        self._thread.join(timeout=3)

    # --- The thread ---------------------------------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            self._run()
        except BaseException:  # noqa: BLE001
            # Without it nothing is renewed, recorded or claimed here any more, and nobody would know.
            os._exit(WEDGED_EXIT)

    def _run(self) -> None:
        while True:
            self._pulse.beat()
            with self._changed:
                if not (self._errands or self._stop) or time.monotonic() < self._database_at:
                    self._changed.wait(self._until_next())
                if self._stop and not self._holdings.ended and not self._errands:
                    break
            if self.node.is_stopping:
                self._holdings.drain()
            try:
                if self.message.is_overdue:
                    self._share("the task before it took long")
                if code := self._guard.look():
                    self._end_process(code)
                if time.monotonic() >= self._database_at:
                    self._write()
                    self._pause = 0.0
            except (OperationalError, InterfaceError) as error:
                self._database_failed(error)
            except Exception:
                logger.exception("the keeper met an error that it does not know")
                self._database_failed(None)
        self._leave()

    def _until_next(self) -> float:
        now = time.monotonic()
        due = [self._renew_at, self._heartbeat_at, now + TICK]
        if self._holdings.ended:
            due.append(self._recorder.due_at)
        if not self.notes.is_empty:
            due.append(self._notes_at)
        return min(TICK, max(0.0, max(min(due), self._database_at) - now))

    def _write(self) -> None:
        """All that goes to the database, the most urgent first."""
        if time.monotonic() >= self._renew_at:
            self._renew()  # before errands: one that waits for somebody's lock comes again and again
        if time.monotonic() >= self._rules_at:
            self._read_rules()  # before the first claim, so that no failure is judged without them
        self._errands.serve()
        now = time.monotonic()
        if self._holdings.ended and (now >= self._recorder.due_at or self._stop):
            self._recorder.record()
        if now >= self._cancels_at:
            self._read_cancels()
        if not self.notes.is_empty and now >= self._notes_at:
            self._notes_at = now + NOTES_WITHIN
            self.notes.write(self.incarnation)
        if now >= self._heartbeat_at or self._holdings.means_changed:
            self._beat()

    def _share(self, why: str) -> None:
        """Lets others have what waits behind a long handler; without this, a message would last as long as that."""
        self._holdings.hand_back_waiting(why)
        if rest := self.message.take_rest():
            self._errands.ask(lambda: transitions.return_queued(rest))

    def _claim(self, ids: list[uuid.UUID], queue: str, alone: bool) -> list[Running]:
        if self.draining:
            transitions.return_queued(ids)
            return []
        asked_at = trust.seconds()
        try:
            claimed = transitions.claim(
                ids, queue=queue, worker=self.node.name, incarnation=self.incarnation, lease=self._lease, alone=alone
            )
            if self._unknown_claim:
                known = {(each.id, each.attempt) for each in claimed}.union(self._holdings.pairs())
                claimed += recall(ids, incarnation=self.incarnation, held=known)
        except (OperationalError, InterfaceError):
            self._unknown_claim = True  # it is asked for again, first of all, when the connection is back
            raise
        if not claimed:
            self._unknown_claim = False
            return []
        self._claimed_at = now = time.monotonic()
        if not self.held:
            self._arm_switch()
            self._renew_at, self._cancels_at = now + self._lease / 6, now + CANCELS_EVERY
        if self._unknown_claim:
            self._renew_at, self._unknown_claim = 0.0, False  # some of their leases began before the outage
        attempts = [
            Attempt(each, worker=self.node.name, incarnation=self.incarnation, started=now, rules=self._rules)
            for each in claimed
        ]
        return self._holdings.add(attempts, trusted_until=asked_at + self._lease)

    def _renew(self) -> None:
        self._renew_at = time.monotonic() + self._lease / 6
        pairs = self._holdings.pairs()
        if not pairs:
            faulthandler.cancel_dump_traceback_later()
            return
        asked_at = trust.seconds()
        renewed = transitions.renew(pairs, incarnation=self.incarnation, lease=self._lease)
        self._arm_switch()
        self._holdings.renewed(renewed, trusted_until=asked_at + self._lease)

    def _read_cancels(self) -> None:
        self._cancels_at = time.monotonic() + CANCELS_EVERY
        if pairs := self._holdings.pairs():
            self._holdings.cancel(transitions.cancel_requests(pairs, incarnation=self.incarnation))

    def _read_rules(self) -> None:
        self._rules_at = time.monotonic() + RULES_EVERY
        try:
            self._rules.renew(selectors.failure_rules())
        except (OperationalError, InterfaceError):
            self._rules_at = 0.0
            raise
        except Exception as error:  # noqa: BLE001  (a table of another release, say: work goes on by the old ones)
            logger.warning("the failure rules could not be read: %s", error)

    def _arm_switch(self) -> None:
        # A thread of C that needs no GIL: where a handler holds it past the lease, the process ends rather than go on
        # with work that somebody else has by then.
        # Not before handlers are interrupted for the same reason, which is at three quarters of the lease.
        faulthandler.dump_traceback_later(max(self._lease * 0.85, self._lease - 5), exit=True, file=2)

    def _beat(self) -> None:
        self._heartbeat_at = time.monotonic() + HEARTBEAT
        ago = None if self._claimed_at is None else time.monotonic() - self._claimed_at
        presence.announce(self.node, self._holdings.means(), claimed_ago=ago)

    # --- Ends ---------------------------------------------------------------------------------------------------------

    def _end_process(self, code: int) -> None:
        """Writes all known endings and ends this process; what has none is lost with it."""
        try:
            while self._holdings.ended:
                self._recorder.record()
        finally:
            os._exit(code)

    def _database_failed(self, error: Exception | None) -> None:
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or 0.1)
        self._database_at = time.monotonic() + self._pause
        self._renew_at = 0.0  # the leases are the first thing when it is back
        if error is not None:
            logger.warning("the database does not answer, again in %.1f s: %s", self._pause, database.reason(error))
        connection.close()
        if not self._holdings.begun():
            faulthandler.cancel_dump_traceback_later()  # what is known is refused at worst: nothing here can do harm
        if self._holdings.drain_is_over:
            self._give_up()

    def _give_up(self) -> None:
        """The worker has to end without its database: the leases run out, and the sweep finds what was not begun."""
        self._errands.abandon()
        self._holdings.abandon()

    def _leave(self) -> None:
        self._pulse.stop()
        faulthandler.cancel_dump_traceback_later()
        try:
            if self.node.is_stopping:
                presence.leave(self.node)
        except DatabaseError as error:
            logger.warning("the worker's row could not be closed: %s", error)
        finally:
            connection.close()
