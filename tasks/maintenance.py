"""What the coordinator repairs: leases that ran out, messages that were lost, files that dead workers left."""

import logging
import time
from pathlib import Path

from django.conf import settings

from tasks import ageing, auditing, selectors, transitions
from tasks.kill_points import KillPoint, reached
from tasks.publishing import Publisher

logger = logging.getLogger(__name__)

LONGEST_GAP = 5.0  # seconds between two polls of the reaper


class Reaper:
    """Finds expired leases. After a gap in its own polls it waits: the workers may have been cut off as well."""

    def __init__(self) -> None:
        self._polled_at: float | None = None
        self._wait_until = 0.0

    def poll(self, *, role: str, term: int) -> int:
        """Moves what was lost. Returns how many."""
        now = time.monotonic()
        if self._polled_at is None or now - self._polled_at > LONGEST_GAP:
            self._wait_until = now + settings.LEASE_SECONDS / 6 + 1
        if now < self._wait_until:
            selectors.queue_names()  # the poll that has to succeed before the next one counts
            self._polled_at = now
            return 0
        lost = transitions.lose_expired(role=role, term=term, max_losses=settings.MAX_WORKER_LOSSES)
        if lost:
            reached(KillPoint.REAPED)
        self._polled_at = now
        for each in lost:
            logger.warning("attempt %s of task %s was lost with worker %s", each.attempt, each.id, each.worker)
        return len(lost)


def return_lost_messages(publisher: Publisher, *, role: str, term: int) -> int:
    """Returns queued tasks to pending where no message can serve them any more. Returns how many."""
    returned = 0
    lines = selectors.online_lines()
    for queue in sorted({line.queue for line in lines}):
        known = {each for line in lines if line.queue == queue for each in line.types}
        unknown = selectors.unknown_messages(queue, known, patience=float(settings.LOST_MESSAGE_SECONDS))
        if unknown:  # their worker is gone, and so may be their message: they are parked until another one comes
            returned += len(transitions.return_queued(unknown, role=role, term=term))
    for line in lines:
        depth = publisher.depth(line.name)
        ids = selectors.lost_messages(
            line,
            queue_is_gone=depth is None,
            broker_is_empty=depth is not None and depth[0] == 0 and depth[1] > 0,
            patience=float(settings.LOST_MESSAGE_SECONDS),
        )
        if ids:
            moved = transitions.return_queued(ids, role=role, term=term, lost=True)
            logger.warning("the messages of %s tasks of %s were lost: they are sent again", len(moved), line.name)
            returned += len(moved)
        if aged := ageing.outwaited(line.queue):
            returned += len(transitions.return_queued(aged, role=role, term=term))
    return returned


def abandon_unknown_types(*, role: str, term: int) -> int:
    """Gives up parked tasks whose type no worker of their queue has known in all the time of grace. Returns how many.

    A queue that no worker has served in that time is left alone: then it is the workers that are missing.
    """
    grace = float(settings.UNKNOWN_TYPE_GRACE_SECONDS)
    given_up = 0
    for queue, known in selectors.types_seen(grace).items():
        ids = transitions.abandon_parked(queue, sorted(known), grace=grace, role=role, term=term)
        given_up += len(ids)
        auditing.record(
            verb="give up",
            kind="task",
            actor=None,
            ids=ids,
            reason="no worker has known their type in the time of grace",
        )
    if given_up:
        logger.warning("%s tasks failed: no worker has known their type for %.0f s", given_up, grace)
    return given_up


def remove_stale_files(older_than: float = 3600.0) -> int:
    """Removes broadcasts to workers that are gone, and what a killed writer left, from the embedded broker."""
    removed = 0
    limit = time.time() - older_than
    for folder, pattern in (("messages", "*.pidbox.msg"), ("messages", "*celeryev*.msg"), ("taken", "*.new")):
        for path in Path(settings.BROKER_FOLDER / folder).glob(pattern):
            try:
                if path.stat().st_mtime < limit:
                    path.unlink()
                    removed += 1
            except FileNotFoundError:
                continue
    return removed
