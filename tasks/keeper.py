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
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from tasks import presence, transitions, trust
from tasks.exceptions import CancelRequested, DrainReached, Interrupted, TimeoutReached
from tasks.node import Node
from tasks.notes import Notes
from tasks.outcomes import Attempt
from tasks.transitions import Claimed, Ending
from tasks.transitions.finishing import Pair

logger = logging.getLogger(__name__)

RECORD_WITHIN = 0.05  # seconds from a known outcome to its row
ENDINGS_AT_ONCE = 500
NOTES_WITHIN = 0.5
HEARTBEAT = 4.0
DRAIN_SECONDS = 8.0  # from the request to stop until what still runs is interrupted and handed back
GRACE = 10.0  # from a task's deadline until the process that could not be interrupted is ended
LONGEST_PAUSE = 5.0
WEDGED_EXIT = 70


@dataclass(slots=True, eq=False)
class Running:
    """A claimed attempt in this process, from the claim until its ending is in the database."""

    attempt: Attempt
    claimed: Claimed
    trusted_until: float  # by the trust clock
    deadline: float | None = None  # monotonic; set when its handler begins
    interrupt: Interrupted | None = None  # why it shall stop, once it shall
    stop: Callable[[], None] | None = None  # makes its handler notice
    told_at: float = 0.0  # monotonic; when it was last made to notice
    ending: Ending | None = None

    @property
    def pair(self) -> Pair:
        return self.claimed.id, self.claimed.attempt


class Keeper:
    def __init__(self, node: Node) -> None:
        self.node = node
        self.incarnation = uuid.uuid4()
        self.notes = Notes()
        self.draining_since: float | None = None
        self._lease = float(settings.LEASE_SECONDS)
        self._changed = threading.Condition()
        self._held: dict[Pair, Running] = {}
        self._done: list[Running] = []
        self._done_since = 0.0
        self._requests: list[tuple[Callable[[], Any], Future[Any]]] = []
        self._means: dict[str, float] = {}
        self._means_changed = False
        self._claimed_at: float | None = None
        self._renew_at = self._heartbeat_at = self._notes_at = self._database_at = 0.0
        self._pause = 0.0
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="taskyard-keeper", daemon=True)

    # --- What the other threads call --------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    @property
    def draining(self) -> bool:
        return self.draining_since is not None

    @property
    def held(self) -> int:
        return len(self._held)

    def mean(self, type_name: str) -> float | None:
        """Returns the type's mean run time in seconds as this process knows it."""
        known = self._means.get(type_name)
        return None if known is None else known / 1000

    def claim(self, ids: list[uuid.UUID], *, queue: str, alone: bool) -> list[Running]:
        """Claims what can be claimed and waits for it, through outages too. Nothing once the worker is stopping."""
        return self._ask(lambda: self._claim(ids, queue, alone)) or []

    def give_back(self, ids: list[uuid.UUID]) -> None:
        """Returns unclaimed ids of a message to `pending`."""
        if ids:
            self._ask(lambda: transitions.return_queued(ids))

    def begin(self, running: Running, stop: Callable[[], None]) -> bool:
        """Decides that the attempt begins. False where it was handed back before."""
        with self._changed:
            if running.ending is not None or running.interrupt is not None:
                return False
            running.deadline = time.monotonic() + running.claimed.timeout
            running.stop = stop
            return True

    def end(self, running: Running, ending: Ending) -> None:
        """Takes the attempt's ending, to be written within RECORD_WITHIN seconds. The first ending counts."""
        with self._changed:
            if running.ending is not None:
                return
            running.ending = ending
            self._learn(running.claimed.type, ending.ended - ending.started)
            if not self._done:
                self._done_since = time.monotonic()
            self._done.append(running)
            if len(self._done) == 1 or len(self._done) >= ENDINGS_AT_ONCE:
                self._changed.notify_all()

    def stop(self, timeout: float) -> None:
        """Hands back what has not begun, waits for the rest as long as a drain lasts, writes everything and ends."""
        with self._changed:
            self._drain()
            self._changed.wait_for(lambda: not self._held, timeout)
            self._stop = True
            self._changed.notify_all()
        self._thread.join(timeout=3)

    # --- The thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._requests and not self._stop:
                    self._changed.wait(self._until_next())
                if self._stop and not self._done and not self._requests:
                    break
                if self.node.is_stopping:
                    self._drain()
            try:
                self._watch()
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
        due = [self._renew_at, self._heartbeat_at]
        if self._done:
            due.append(self._done_since + RECORD_WITHIN)
        if not self.notes.is_empty:
            due.append(self._notes_at)
        if self._held or self.draining or self._means_changed:
            due.append(now + 0.1)
        # The byte that says "stop" has no bell: it is read five times a second.
        return min(0.2, max(0.0, max(min(due), self._database_at) - now))

    def _write(self) -> None:
        """All that goes to the database, the most urgent first."""
        self._serve()
        now = time.monotonic()
        if self._done and (now >= self._done_since + RECORD_WITHIN or len(self._done) >= ENDINGS_AT_ONCE or self._stop):
            self._record()
        if now >= self._renew_at:
            self._renew()
        if not self.notes.is_empty and now >= self._notes_at:
            self._notes_at = now + NOTES_WITHIN
            self.notes.write(self.incarnation)
        if now >= self._heartbeat_at or self._means_changed:
            self._beat()

    def _ask(self, call: Callable[[], Any]) -> Any:
        future: Future[Any] = Future()
        with self._changed:
            if self._stop:
                return None
            self._requests.append((call, future))
            self._changed.notify_all()
        return future.result()

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
        taken = [
            Running(
                attempt=Attempt(each, worker=self.node.name, incarnation=self.incarnation, started=now),
                claimed=each,
                trusted_until=asked_at + self._lease,
            )
            for each in claimed
        ]
        with self._changed:
            if not self._held:
                self._arm_switch()
                self._renew_at = now + self._lease / 6
            self._held.update((running.pair, running) for running in taken)
        return taken

    def _record(self) -> None:
        """Writes the known endings in one go; where one of them is refused by the database, each by itself."""
        with self._changed:
            batch, self._done = self._done[:ENDINGS_AT_ONCE], self._done[ENDINGS_AT_ONCE:]
        if not self.notes.is_empty:
            self.notes.write(self.incarnation)  # a task that is over shows all of its lines
        try:
            try:
                self._finish(batch)
            except (OperationalError, InterfaceError):
                raise
            except Exception as error:  # noqa: BLE001  (one bad outcome must not hold up the others)
                logger.error("an outcome cannot be stored, each is written by itself: %s", error)
                for running in batch:
                    self._finish_one(running)
        except (OperationalError, InterfaceError):
            with self._changed:
                self._done = [each for each in batch if each.pair in self._held] + self._done
            raise

    def _finish(self, batch: list[Running]) -> None:
        finished = transitions.finish([each.ending for each in batch if each.ending], incarnation=self.incarnation)
        for task_id, attempt in finished.refused:
            logger.warning("the outcome of attempt %s of task %s was refused: it lost its lease", attempt, task_id)
        over = finished.moved | finished.refused
        self.notes.forget(over)
        with self._changed:
            for pair in over:
                self._held.pop(pair, None)
            if finished.locked:
                self._done.extend(each for each in batch if each.pair in finished.locked)
                self._done_since = time.monotonic() + RECORD_WITHIN
            self._changed.notify_all()

    def _finish_one(self, running: Running) -> None:
        try:
            self._finish([running])
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001  (whatever it was, the attempt has to end)
            running.ending = running.attempt.raised(
                ValueError(f"the database refused the outcome: {str(error).splitlines()[0]}"), at=time.monotonic()
            )
            self._finish([running])

    def _renew(self) -> None:
        self._renew_at = time.monotonic() + self._lease / 6
        with self._changed:
            pairs = list(self._held)
        if not pairs:
            faulthandler.cancel_dump_traceback_later()
            return
        asked_at = trust.seconds()
        renewed = transitions.renew(pairs, incarnation=self.incarnation, lease=self._lease)
        self._arm_switch()
        with self._changed:
            for pair, cancel in renewed.items():
                running = self._held.get(pair)
                if running is not None:
                    running.trusted_until = asked_at + self._lease
                    if cancel:
                        self._interrupt(running, CancelRequested("cancelled on request"))

    def _arm_switch(self) -> None:
        # A thread of C that needs no GIL: where a handler holds it past the lease, the process ends rather than go on
        # with work that somebody else has by then.
        faulthandler.dump_traceback_later(max(1.0, self._lease - 5), exit=True, file=2)

    def _beat(self) -> None:
        self._heartbeat_at = time.monotonic() + HEARTBEAT
        with self._changed:
            means, self._means_changed = dict(self._means), False
        ago = None if self._claimed_at is None else time.monotonic() - self._claimed_at
        presence.announce(self.node, means, claimed_ago=ago)

    def _learn(self, type_name: str, seconds: float) -> None:
        milliseconds = max(0.01, seconds * 1000)
        known = self._means.get(type_name)
        mean = milliseconds if known is None else known * 0.8 + milliseconds * 0.2
        self._means[type_name] = round(mean, 3)
        # The dispatcher sizes its messages by this: tell it soon of what is new or quite different.
        if known is None or not known / 2 < mean < known * 2:
            self._means_changed = True

    # --- Deadlines, drains and outages ------------------------------------------------------------------------------

    def _watch(self) -> None:
        now, trusted = time.monotonic(), trust.seconds() + self._lease / 4
        wedged: list[Running] = []
        with self._changed:
            for running in self._held.values():
                if running.ending is not None:
                    continue
                if running.deadline is not None and now > running.deadline + GRACE:
                    wedged.append(running)
                elif running.trusted_until < trusted:
                    self._interrupt(running, DrainReached("the lease could not be renewed in time"))
                elif self.draining_since is not None and now > self.draining_since + DRAIN_SECONDS:
                    self._interrupt(running, DrainReached("the worker is stopping"))
        if wedged:
            self._end_process(wedged)

    def _interrupt(self, running: Running, error: Interrupted) -> None:
        """Asks a handler to stop; one that has not begun is handed back. Asked again, the handler is told again."""
        if running.ending is not None:
            return
        if running.interrupt is None:
            running.interrupt = error
        now = time.monotonic()
        if running.stop is not None:
            # Not more than once a second: what it does to tidy up would be interrupted as well.
            if now >= running.told_at + 1.0:
                running.told_at = now
                running.stop()
        else:
            self.end(running, running.attempt.raised(running.interrupt, at=now))

    def _drain(self) -> None:
        if self.draining_since is None:
            self.draining_since = time.monotonic()
            for running in [each for each in self._held.values() if each.stop is None]:
                self._interrupt(running, DrainReached("the worker is stopping"))

    def _end_process(self, wedged: Iterable[Running]) -> None:
        """Records what cannot be interrupted as timed out, hands the rest back, and ends this process."""
        now = time.monotonic()
        for running in wedged:
            self.end(running, running.attempt.raised(TimeoutReached("it did not stop at its timeout"), at=now))
        with self._changed:
            rest = [running for running in self._held.values() if running.ending is None]
        for running in rest:
            self.end(running, running.attempt.released(at=now))
        logger.error("a handler did not stop at its timeout: this process ends")
        try:
            while self._done:
                self._record()
        finally:
            os._exit(WEDGED_EXIT)

    def _database_failed(self, error: Exception | None) -> None:
        self._pause = min(LONGEST_PAUSE, self._pause * 2 or 0.1)
        self._database_at = time.monotonic() + self._pause
        if error is not None:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            logger.warning("the database does not answer, again in %.1f s: %s", self._pause, first)
        connection.close()
        if self.draining_since is not None and time.monotonic() > self.draining_since + DRAIN_SECONDS:
            self._give_up()

    def _give_up(self) -> None:
        """The worker has to end without its database: the leases run out, and the sweep finds what was not begun."""
        with self._changed:
            for _, future in self._requests:
                future.set_result(None)
            self._requests.clear()
            self._done.clear()
            self._held.clear()
            self._changed.notify_all()

    def _leave(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        try:
            if self.node.is_stopping:
                presence.leave(self.node)
        except DatabaseError as error:
            logger.warning("the worker's row could not be closed: %s", error)
        finally:
            connection.close()
