"""Priorities that rise with waiting: a steady stream of urgent tasks does not starve the others.

What waits is not rewritten. The dispatcher looks how long the first task of each priority has been due, and sends a
task by one priority higher for each PRIORITY_AGEING_SECONDS (reference: protocol rule F22).
"""

import time
import uuid

from django.conf import settings

from tasks import database
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.selectors import SENDABLE, Candidate, Line, dispatch_candidates
from tasks.states import TaskStatus

LOOK_EVERY = 1.0  # seconds
_LEVELS = range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1)


class Ageing:
    """Whether tasks of a queue have waited so long that their order changes; looked up about once a second."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, bool]] = {}

    def candidates(self, line: Line, *, limit: int) -> list[Candidate]:
        """Returns what is next on the line, each with the priority that it is sent with."""
        types = sorted(line.types)
        if not types or not self._has_aged(line.queue):
            return dispatch_candidates(line.queue, types, limit=limit)
        return _by_age(line.queue, types, limit)

    def _has_aged(self, queue: str) -> bool:
        until, aged = self._known.get(queue, (0.0, False))
        if time.monotonic() >= until:
            aged = _has_aged(queue)
            self._known[queue] = (time.monotonic() + LOOK_EVERY, aged)
        return aged


def _has_aged(queue: str) -> bool:
    """Tells whether the first of any priority but the highest has waited for PRIORITY_AGEING_SECONDS."""
    first = " UNION ALL ".join(
        f"SELECT (SELECT run_at FROM tasks_task WHERE {SENDABLE} AND queue = %s AND priority = {priority} "
        "ORDER BY run_at LIMIT 1) AS at"
        for priority in _LEVELS[:-1]
    )
    rows = database.run(
        f"SELECT 1 FROM ({first}) AS first WHERE at < {database.clock_plus('-%s')} LIMIT 1",
        [*[queue] * len(_LEVELS[:-1]), settings.PRIORITY_AGEING_SECONDS],
    )
    return bool(rows)


def _by_age(queue: str, types: list[str], limit: int) -> list[Candidate]:
    words = ", ".join("%s" for _ in types)
    waited = database.seconds_since("run_at")
    levels = " UNION ALL ".join(
        f"""SELECT * FROM (SELECT id, type, priority, payload_bytes, suspect, run_at, {waited} AS waited FROM tasks_task
            WHERE {SENDABLE} AND queue = %s AND priority = {priority} AND type IN ({words})
            ORDER BY run_at, id LIMIT {limit:d}) AS level_{priority}"""
        for priority in _LEVELS
    )
    rows = database.run(levels, [queue, *types] * len(_LEVELS))
    found = [
        (-_aged(row[2], float(row[6])), row[5], str(row[0]), Candidate(
            database.as_uuid(row[0]), row[1], _aged(row[2], float(row[6])), row[3], bool(row[4])
        ))
        for row in rows
    ]  # fmt: skip
    return [candidate for *_, candidate in sorted(found, key=lambda each: each[:3])[:limit]]


def _aged(priority: int, waited: float) -> int:
    """Returns the priority that a task is sent with after so many seconds."""
    return min(HIGHEST_PRIORITY, priority + int(max(0.0, waited) / settings.PRIORITY_AGEING_SECONDS))


def outwaited(queue: str) -> list[uuid.UUID]:
    """Returns tasks that wait with the broker, while later ones of higher priority are executed.

    Sent again, they go with the priority that they have come to by now.
    """
    newest = dict(
        database.run(
            f"""SELECT priority, max(queued_at) FROM tasks_task
            WHERE status = '{TaskStatus.PROCESSING}' AND queue = %s AND queued_at IS NOT NULL GROUP BY priority""",
            [queue],
        )
    )
    found: list[uuid.UUID] = []
    for priority in _LEVELS[:-1]:
        later = [moment for other, moment in newest.items() if other > priority]
        if later:
            rows = database.run(
                f"""SELECT id FROM tasks_task WHERE status = '{TaskStatus.QUEUED}' AND queue = %s AND priority = %s
                AND queued_at < {database.clock_plus("-%s")} AND queued_at < %s ORDER BY id LIMIT 1000""",
                [queue, priority, settings.PRIORITY_AGEING_SECONDS, max(later)],
            )
            found += database.ids_of(rows)
    return found
