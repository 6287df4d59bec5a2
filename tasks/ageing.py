"""Priorities that rise with waiting: a steady stream of urgent tasks does not starve the others.

What waits is not rewritten. The dispatcher looks how long the first task of each priority has been due, and sends a
task by one priority higher for each PRIORITY_AGEING_SECONDS (reference: protocol rule F22).
"""

import uuid

from django.conf import settings

from tasks import database
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.pending import Since
from tasks.selectors import SENDABLE, Candidate
from tasks.states import TaskStatus

_LEVELS = range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1)


def has_aged(waited: dict[int, float]) -> bool:
    """Tells whether the first of any priority but the highest has waited long enough, given in seconds by priority."""
    below = (seconds for priority, seconds in waited.items() if priority < HIGHEST_PRIORITY)
    return any(seconds > settings.PRIORITY_AGEING_SECONDS for seconds in below)


def by_age(queue: str, types: list[str], since: Since, *, limit: int) -> list[Candidate]:
    """Returns what is next on the queue, of these types and priorities, each with the priority that it has come to."""
    words = ", ".join("%s" for _ in types)
    waited = database.seconds_since("run_at")
    levels = " UNION ALL ".join(
        f"""SELECT * FROM (SELECT id, type, priority, payload_bytes, suspect, run_at, {waited} AS waited FROM tasks_task
            WHERE {SENDABLE} AND queue = %s AND priority = {priority} AND run_at >= %s AND type IN ({words})
            ORDER BY run_at, id LIMIT {limit:d}) AS level_{priority}"""
        for priority in since
    )
    rows = database.run(levels, [each for moment in since.values() for each in (queue, moment, *types)])
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
    # Not by GROUP BY, for which the planner sorts or hashes, as it expects many rows or few.
    later = ", ".join(f"max(queued_at) FILTER (WHERE priority > {priority})" for priority in _LEVELS[:-1])
    [newest] = database.run(
        f"SELECT {later} FROM tasks_task WHERE status = '{TaskStatus.PROCESSING}' AND queue = %s", [queue]
    )
    found: list[uuid.UUID] = []
    for priority, moment in zip(_LEVELS[:-1], newest, strict=True):
        if moment is not None:
            rows = database.run(
                f"""SELECT id FROM tasks_task WHERE status = '{TaskStatus.QUEUED}' AND queue = %s AND priority = %s
                AND queued_at < {database.clock_plus("-%s")} AND queued_at < %s ORDER BY id LIMIT 1000""",
                [queue, priority, settings.PRIORITY_AGEING_SECONDS, moment],
            )
            found += database.ids_of(rows)
    return found
