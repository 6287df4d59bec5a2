"""Which coordinator leads: a lease on a row, a term that rises, and the leader's own idea of how long it may act."""

import logging
import os
import socket
import threading
import uuid

from django.conf import settings

from tasks import database, trust

logger = logging.getLogger(__name__)

COORDINATOR = "coordinator"


class Lead:
    """One process's claim to lead. Threads ask `term()` before each thing they do."""

    def __init__(self, role: str = COORDINATOR) -> None:
        self.role = role
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.lease = float(settings.LEADER_LEASE_SECONDS)
        self._lock = threading.Lock()
        self._term = 0
        self._trusted_until = 0.0

    def term(self) -> int | None:
        """Returns the term while this process may trust that it leads."""
        with self._lock:
            return self._term if self._term and trust.seconds() < self._trusted_until else None

    def acquire(self) -> bool:
        """Takes the lead where nobody has it."""
        asked_at = trust.seconds()
        rows = database.run(
            f"""INSERT INTO tasks_leadership (role, holder, term, expires_at, idle, broker_error)
            VALUES (%s, %s, 1, {database.clock_plus("%s")}, %s, '')
            ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, term = tasks_leadership.term + 1,
                expires_at = excluded.expires_at, idle = excluded.idle
            WHERE tasks_leadership.expires_at IS NULL OR tasks_leadership.expires_at < {database.clock()}
            RETURNING term""",
            [self.role, self.holder, self.lease, False],
        )
        if not rows:
            if self._term:
                self._lost()  # its lease ran out while it could not renew: frozen, or without a database
            return False
        self._trust(asked_at, rows[0][0])
        logger.info("leads in term %s", rows[0][0])
        return True

    def renew(self) -> bool:
        """Extends the lease. False, and no more trust, where somebody else leads by now."""
        asked_at = trust.seconds()
        renewed = database.count(
            f"""UPDATE tasks_leadership SET expires_at = {database.clock_plus("%s")}
            WHERE role = %s AND term = %s AND holder = %s""",
            [self.lease, self.role, self._term, self.holder],
        )
        if renewed:
            self._trust(asked_at, self._term)
            return True
        self._lost()
        return False

    def resign(self) -> None:
        """Ends the lease, so that another need not wait for its end. The row goes on saying since when nobody leads."""
        term = self._term
        self._trust(0.0, 0)
        if term:
            # A little earlier than now: whoever asks within the clock's own step takes the lead at once.
            database.run(
                f"""UPDATE tasks_leadership SET expires_at = {database.clock_plus("-0.002")}
                WHERE role = %s AND term = %s AND holder = %s""",
                [self.role, term, self.holder],
            )

    def _lost(self) -> None:
        logger.warning("lost the lead of term %s", self._term)
        self._trust(0.0, 0)

    def _trust(self, since: float, term: int) -> None:
        with self._lock:
            self._term, self._trusted_until = term, since + self.lease


def note(role: str, term: int, *, idle: bool | None = None, broker_error: str | None = None) -> None:
    """Writes what submitters and pages read of the leader's dispatcher."""
    columns: dict[str, object] = {}
    if idle is not None:
        columns["idle"] = idle
    if broker_error is not None:
        columns["broker_error"] = broker_error[:300]
    assignments = ", ".join(f"{name} = %s" for name in columns)
    database.run(
        f"UPDATE tasks_leadership SET {assignments} WHERE role = %s AND term = %s", [*columns.values(), role, term]
    )
