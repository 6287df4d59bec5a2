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
from concurrent.futures import Future
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from tasks import presence, selectors, transitions, trust
from tasks.exceptions import CancelRequested
from tasks.holding import Holdings, Message, Running
from tasks.node import Node
from tasks.notes import Notes
from tasks.outcomes import Attempt
from tasks.transitions import Ending

logger = logging.getLogger(__name__)

RECORD_WITHIN = 0.05  # seconds from a known outcome to its row
ENDINGS_AT_ONCE = 500
NOTES_WITHIN = 0.5
HEARTBEAT = 4.0
TICK = 0.1  # seconds between two looks at deadlines and at the byte that says "stop", which has no bell
LONGEST_PAUSE = 5.0
WEDGED_EXIT = 70


class Keeper:
    def __init__(self, node: Node) -> None:
        self.node = node
        self.incarnation = uuid.uuid4()
        self.notes = Notes()
        self.message = Message()
        self._holdings = Holdings()
        self._changed = self._holdings.changed
        self._lease = float(settings.LEASE_SECONDS)
        self._requests: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._claimed_at: float | None = None
        self._renew_at = self._heartbeat_at = self._notes_at = self._database_at = 0.0
        self._pause = 0.0
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="taskyard-keeper", daemon=True)

    # --- What the other threads call ----------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    @property
    def draining(self) -> bool:
        return self._holdings.draining_since is not None

    @property
    def held(self) -> int:
        return len(self._holdings)

    def mean(self, type_name: str) -> float | None:
        """Returns the type's mean run time in seconds as this process knows it."""
        return self._holdings.mean(type_name)

    def claim(self, ids: list[uuid.UUID], *, queue: str, alone: bool) -> list[Running]:
        """Claims what can be claimed and waits for it, through outages too. Nothing once the worker is stopping."""
        return self._request(lambda: self._claim(ids, queue, alone)).result() or []

    def give_back(self, ids: list[uuid.UUID]) -> None:
        """Returns unclaimed ids of a message to `pending`."""
        if ids:
            self._request(lambda: transitions.return_queued(ids)).result()

    def knows_any(self, ids: list[uuid.UUID]) -> bool:
        """Tells whether any of the tasks exists. Nothing can be said, and so True, once the worker is stopping."""
        return self._request(lambda: selectors.any_exists(ids)).result() is not False

    def begin(self, running: Running, stop: Callable[[], None]) -> bool:
        """Decides that the attempt begins. False where it was handed back before."""
        return self._holdings.begin(running, stop)

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
            self._changed.notify_all()
        self._thread.join(timeout=3)

    # --- The thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                if not (self._requests or self._stop) or time.monotonic() < self._database_at:
                    self._changed.wait(self._until_next())
                if self._stop and not self._holdings.ended and not self._requests:
                    break
            if self.node.is_stopping:
                self._holdings.drain()
            try:
                if self.message.is_overdue:
                    self._share()
                if self._holdings.watch(self._lease):
                    self._end_process()
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
            due.append(self._holdings.ended_since + RECORD_WITHIN)
        if not self.notes.is_empty:
            due.append(self._notes_at)
        return min(TICK, max(0.0, max(min(due), self._database_at) - now))

    def _write(self) -> None:
        """All that goes to the database, the most urgent first."""
        self._serve()
        now, ended = time.monotonic(), self._holdings.ended
        if ended and (now >= self._holdings.ended_since + RECORD_WITHIN or ended >= ENDINGS_AT_ONCE or self._stop):
            self._record()
        if now >= self._renew_at:
            self._renew()
        if not self.notes.is_empty and now >= self._notes_at:
            self._notes_at = now + NOTES_WITHIN
            self.notes.write(self.incarnation)
        if now >= self._heartbeat_at or self._holdings.means_changed:
            self._beat()

    def _share(self) -> None:
        """Lets others have what waits behind a long handler; without this, a message would last as long as that."""
        self._holdings.hand_back_waiting()
        if rest := self.message.take_rest():
            self._request(lambda: transitions.return_queued(rest))

    def _request(self, call: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = Future()
        with self._changed:
            if self._stop:
                future.set_result(None)
            else:
                self._requests.append((call, future))
                self._changed.notify_all()
        return future

    def _serve(self) -> None:
        while self._requests:
            call, future = self._requests[0]
            try:
                result = call()
            except (OperationalError, InterfaceError):
                raise  # it stays first in line until the database is back
            except Exception as error:  # noqa: BLE001  (whoever asked has to know)
                future.set_exception(error)
            else:
                future.set_result(result)
            with self._changed:
                self._requests.pop(0)

    def _claim(self, ids: list[uuid.UUID], queue: str, alone: bool) -> list[Running]:
        if self.draining:
            transitions.return_queued(ids)
            return []
        asked_at = trust.seconds()
        claimed = transitions.claim(
            ids, queue=queue, worker=self.node.name, incarnation=self.incarnation, lease=self._lease, alone=alone
        )
        if not claimed:
            return []
        self._claimed_at = now = time.monotonic()
        if not self.held:
            self._arm_switch()
            self._renew_at = now + self._lease / 6
        attempts = [Attempt(each, worker=self.node.name, incarnation=self.incarnation, started=now) for each in claimed]
        return self._holdings.add(attempts, trusted_until=asked_at + self._lease)

    def _record(self) -> None:
        """Writes the known endings in one go; where one of them is refused by the database, each by itself."""
        batch = self._holdings.next_endings(ENDINGS_AT_ONCE)
        try:
            if not self.notes.is_empty:
                self.notes.write(self.incarnation)  # a task that is over shows all of its lines
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
        finished = transitions.finish([each.ending for each in batch if each.ending], incarnation=self.incarnation)
        for task_id, attempt in finished.refused:
            logger.warning("the outcome of attempt %s of task %s was refused: it lost its lease", attempt, task_id)
        over = finished.moved | finished.refused
        self.notes.forget(over)
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

    def _renew(self) -> None:
        self._renew_at = time.monotonic() + self._lease / 6
        pairs = self._holdings.pairs()
        if not pairs:
            faulthandler.cancel_dump_traceback_later()
            return
        asked_at = trust.seconds()
        renewed = transitions.renew(pairs, incarnation=self.incarnation, lease=self._lease)
        self._arm_switch()
        cancelled = CancelRequested("cancelled on request")
        self._holdings.renewed(renewed, trusted_until=asked_at + self._lease, error=cancelled)

    def _arm_switch(self) -> None:
        # A thread of C that needs no GIL: where a handler holds it past the lease, the process ends rather than go on
        # with work that somebody else has by then.
        faulthandler.dump_traceback_later(max(self._lease / 2, self._lease - 5), exit=True, file=2)

    def _beat(self) -> None:
        self._heartbeat_at = time.monotonic() + HEARTBEAT
        ago = None if self._claimed_at is None else time.monotonic() - self._claimed_at
        presence.announce(self.node, self._holdings.means(), claimed_ago=ago)

    # --- Ends ---------------------------------------------------------------------------------------------------------

    def _end_process(self) -> None:
        """Records what cannot be interrupted as timed out, hands the rest back, and ends this process."""
        logger.error("a handler did not stop at its timeout: this process ends")
        self._holdings.end_all()
        try:
            while self._holdings.ended:
                self._record()
        finally:
            os._exit(WEDGED_EXIT)

    def _database_failed(self, error: Exception | None) -> None:
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or 0.1)
        self._database_at = time.monotonic() + self._pause
        self._renew_at = 0.0  # the leases are the first thing when it is back
        if error is not None:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            logger.warning("the database does not answer, again in %.1f s: %s", self._pause, first)
        connection.close()
        if self._holdings.drain_is_over:
            self._give_up()

    def _give_up(self) -> None:
        """The worker has to end without its database: the leases run out, and the sweep finds what was not begun."""
        with self._changed:
            for _, future in self._requests:
                future.set_result(None)
            self._requests.clear()
        self._holdings.abandon()

    def _leave(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        try:
            if self.node.is_stopping:
                presence.leave(self.node)
        except DatabaseError as error:
            logger.warning("the worker's row could not be closed: %s", error)
        finally:
            connection.close()
