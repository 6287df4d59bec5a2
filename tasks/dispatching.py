"""From the backlog to the broker: what is due gets a message, in order of priority, as far as the window is open."""

import logging
import math
import threading
import time

from django.db import InterfaceError, OperationalError, connection

from tasks import leadership, selectors, transitions
from tasks.chunking import CHUNK_IDS, chunks_of
from tasks.fronts import Fronts
from tasks.kill_points import KillPoint, reached
from tasks.leadership import Lead
from tasks.limits import Allowance
from tasks.publishing import BROKER_ERRORS, Message, Publisher, execution, new_publisher
from tasks.pulse import Pulse
from tasks.selectors import Line, QueueRules
from tasks.transitions.parking import AT_ONCE as PARKED_AT_ONCE
from tasks.waking import Waker
from tasks.windows import Windows

logger = logging.getLogger(__name__)

IDS_A_TURN = 1_000  # of one line, so that no line waits long for another
SHORTEST_POLL, LONGEST_POLL = 0.02, 1.0
LONGEST_POLL_UNWOKEN = 0.2  # where no submit can wake the dispatcher
IDLE_FROM = 2 * SHORTEST_POLL  # the pause from which on submits have to wake it: a poll alone would let them wait
LINES_EVERY = 0.5
RECENT = 10.0  # seconds: what an earlier leader may have marked and not sent
UNPARK_EVERY = 5.0
LONGEST_BROKER_PAUSE = 5.0


class Dispatcher:
    """Runs in a thread of its own with a connection of its own: nothing else may delay it."""

    def __init__(self, lead: Lead, publisher: Publisher | None = None) -> None:
        self.lead = lead
        self.last_turn = time.monotonic()  # the lead is renewed only while this moves
        self._pulse = Pulse(lead.role, "dispatcher")
        self._publisher = publisher or new_publisher()
        self._is_open = False
        self._broker_again_at = self._broker_pause = 0.0
        self._known_term = 0
        self._lines: list[Line] = []
        self._lines_until = 0.0
        self._windows = Windows(self._publisher)
        self._rules: dict[str, QueueRules] = {}
        self._fronts = Fronts()
        self._allowances: dict[str, Allowance] = {}
        self._known_types: dict[str, frozenset[str]] = {}  # by queue: what its online workers know
        self._unparked_at = 0.0
        self._ask_again_in = math.inf  # seconds until a limit may allow more
        self._rest_until: dict[str, float] = {}
        self._idle = False
        self._waker = Waker()

    def run(self, stop: threading.Event) -> None:
        pause, woken = SHORTEST_POLL, False
        while not stop.is_set():
            self._moves()
            try:
                term = self.lead.term()
                if term is None:
                    stop.wait(0.1)
                    continue
                if self.turn(term, woken=woken):
                    pause, woken = SHORTEST_POLL, False
                    self._say_idle(term, False)
                elif woken:
                    woken = False
                    self._fronts.doubt()  # what was submitted may be due since long ago
                else:
                    pause, woken = self._rest(term, pause, stop)
            except (OperationalError, InterfaceError) as error:
                logger.warning("the database does not answer, again in 1 s: %s", str(error).splitlines()[0:1])
                connection.close()
                self._waker.close()
                stop.wait(1.0)
            except Exception:
                logger.exception("the dispatcher met an error that it does not know")
                stop.wait(1.0)
        self._close_broker()
        self._waker.close()
        connection.close()
        self._pulse.stop()

    def _moves(self) -> None:
        self.last_turn = time.monotonic()
        self._pulse.beat()

    def turn(self, term: int, *, woken: bool = False) -> bool:
        """Goes round once: promotes what is due and fills each line's window. Returns whether there was anything.

        `woken` by a submit, it looks for that first: each statement before it is a tenth of the time until it starts.
        """
        if term != self._known_term:
            returned = transitions.return_queued(
                selectors.recently_queued(RECENT), role=self.lead.role, term=term
            )  # whoever led before may have marked these and never sent them
            if returned:
                logger.info("returned %s tasks that were queued in the last %.0f s", len(returned), RECENT)
            self._known_term, self._idle = term, False  # whoever takes the lead starts awake
            self._known_types = {}
            self._fronts.forget()
            self._windows.forget()
        worked = not woken and transitions.promote_due(role=self.lead.role, term=term) > 0
        lines = self._lines if woken else self._online_lines(term)  # known since the last poll, a second ago at most
        heads = self._heads(term)
        self._ask_again_in = math.inf
        worked = self._park(heads, term) or worked
        # The line of what is next comes first, whether it rests or not: looking at another kind's takes milliseconds.
        for line in sorted(lines, key=lambda line: heads.get(line.queue) not in line.types):
            is_next = heads.get(line.queue) in line.types
            if is_next or (line.queue in heads and time.monotonic() >= self._rest_until.get(line.name, 0.0)):
                self._moves()
                worked = self._fill(line, term) or worked
        return worked

    # --- One line ---------------------------------------------------------------------------------------------------

    def _fill(self, line: Line, term: int) -> bool:
        """Sends as many messages as the line's window has room for. Returns whether any was sent."""
        if not self._broker_is_open(term):
            return False
        rules = self._rules.get(line.queue) or QueueRules(line.queue)
        allowance = self._allowances.setdefault(line.queue, Allowance())
        allowed = allowance.now(rules)
        if not allowed:
            self._ask_again_in = min(self._ask_again_in, allowance.seconds_until_next(rules))
            return False
        try:
            room = self._windows.room(line)
        except BROKER_ERRORS as error:
            self._broker_failed(term, error)
            return False
        if room <= 0:
            return False
        candidates = self._fronts.candidates(line, limit=min(IDS_A_TURN, room * CHUNK_IDS, allowed))
        if not candidates:
            # Pending, but of the queue's other kind or of no known type: looked for again a little later.
            self._rest_until[line.name] = time.monotonic() + 0.25
            return False
        chunks = chunks_of(line, candidates, room=room, single=rules.is_limited)
        ids = [each for chunk in chunks for each in chunk.ids]
        marked = transitions.enqueue(ids, queue=line.queue, role=self.lead.role, term=term)
        allowance.take(len(marked))
        messages = [
            execution(line.name, kept, priority=chunk.priority, alone=chunk.alone)
            for chunk in chunks
            if (kept := [each for each in chunk.ids if each in marked])
        ]
        if messages:
            self._send(line, messages, term, queued_by=max(marked.values()))
        return bool(messages)

    def _send(self, line: Line, messages: list[Message], term: int, *, queued_by: object) -> None:
        taken: set[str] = set()
        reached(KillPoint.MARKED)
        try:
            taken = self._publisher.publish(messages)
            reached(KillPoint.CONFIRMED)
        except Exception as error:  # noqa: BLE001  (whatever it was: what is marked and not sent goes back)
            self._broker_failed(term, error)
        lost = [each for message in messages if message.number not in taken for each in message.ids]
        if lost:
            self._fronts.forget()
            logger.warning("the broker did not take %s tasks of %s: they go back", len(lost), line.name)
            transitions.return_queued(lost, role=self.lead.role, term=term, queued_by=queued_by)
            self._windows.need_declaring()
        sent = sum(len(message.ids) for message in messages) - len(lost)
        self._windows.were_sent(line, len(taken))
        logger.debug("sent %s tasks of %s in %s messages", sent, line.name, len(taken))

    # --- The broker -------------------------------------------------------------------------------------------------

    def _broker_is_open(self, term: int) -> bool:
        if self._is_open:
            return True
        if time.monotonic() < self._broker_again_at:
            return False
        queues = sorted(selectors.queue_names())
        try:
            self._publisher.open(queues)
        except BROKER_ERRORS as error:
            self._broker_failed(term, error)
            return False
        self._is_open, self._broker_pause = True, 0.0
        self._windows.forget()
        self._windows.are_declared(queues)
        leadership.note(self.lead.role, term, broker_error="")
        logger.info("connected to the broker")
        return True

    def _broker_failed(self, term: int, error: BaseException) -> None:
        self._is_open = False  # the publisher stays as it is: a blocked connection hears of the end of the alarm
        self._broker_pause = min(LONGEST_BROKER_PAUSE, self._broker_pause * 2 or 0.5)
        self._broker_again_at = time.monotonic() + self._broker_pause
        reason = str(error) or type(error).__name__
        logger.warning("the broker does not answer, again in %.1f s: %s", self._broker_pause, reason)
        leadership.note(self.lead.role, term, broker_error=reason)

    def _close_broker(self) -> None:
        self._is_open = False
        self._publisher.close()

    # --- Rest -------------------------------------------------------------------------------------------------------

    def _rest(self, term: int, pause: float, stop: threading.Event) -> tuple[float, bool]:
        """Sleeps until something may be due or a submit wakes it. Returns the next pause and whether one did."""
        longest = LONGEST_POLL if self._waker.can_be_woken else LONGEST_POLL_UNWOKEN
        if pause >= IDLE_FROM and not self._idle:
            self._say_idle(term, True)
            return pause, False  # looks once more: a submit before this line did not wake anybody
        until_due = selectors.seconds_until_due()
        woken = self._waker.wait(min(pause, longest, until_due, self._ask_again_in), stop)
        if woken:
            return SHORTEST_POLL, True
        if self._idle:
            self._fronts.doubt()  # there is time for it now, and none when a submit comes
        return min(longest, pause * 2), False

    def _say_idle(self, term: int, idle: bool) -> None:
        """Tells submitters whether they have to wake the dispatcher: each NOTIFY costs them."""
        if idle != self._idle:
            leadership.note(self.lead.role, term, idle=idle)
            self._idle = idle

    # --- What holds for queues: who serves them, what they know, how much may be started ------------------------------

    def _online_lines(self, term: int) -> list[Line]:
        if time.monotonic() >= self._lines_until:
            self._lines = selectors.online_lines()
            if any(rules.paused for rules in self._rules.values()):
                transitions.return_paused(role=self.lead.role, term=term)
            self._unpark(term)
            self._lines_until = time.monotonic() + LINES_EVERY
        return self._lines

    def _heads(self, term: int) -> dict[str, str]:
        """Returns the queues that have something pending, each with the type of what is next; and notes their rules.

        What was sent before a queue got a limit is sent again within it.
        """
        found = self._fronts.heads()
        rules = {name: each for name, (each, _) in found.items()}
        changed = [name for name, each in rules.items() if each.is_limited and each != self._rules.get(name, each)]
        self._rules = rules
        if sum(transitions.return_of_queue(name, role=self.lead.role, term=term) for name in changed):
            self._fronts.forget()
            found = self._fronts.heads()
        return {name: type_name for name, (_, type_name) in found.items() if type_name is not None}

    def _unpark(self, term: int) -> None:
        """Takes up again what waited for a type that is known by now."""
        known: dict[str, frozenset[str]] = {}
        for line in self._lines:
            known[line.queue] = known.get(line.queue, frozenset()) | line.types
        again = time.monotonic() >= self._unparked_at + UNPARK_EVERY
        for queue, types in known.items():
            if again or types != self._known_types.get(queue):
                while transitions.unpark_known(queue, sorted(types), role=self.lead.role, term=term) == PARKED_AT_ONCE:
                    self._moves()
                self._fronts.doubt()
        self._known_types = known
        if again:
            self._unparked_at = time.monotonic()

    def _park(self, heads: dict[str, str], term: int) -> bool:
        """Sets aside what is next on its queue and of no type that is known there: it would hold up the others."""
        parked = 0
        for queue, type_name in heads.items():
            known = self._known_types.get(queue)
            if known is not None and type_name not in known:
                parked += transitions.park_unknown(queue, sorted(known), role=self.lead.role, term=term)
        if parked:
            logger.warning("%s tasks are parked: no online worker of their queue knows their type", parked)
        return parked > 0
