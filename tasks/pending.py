"""The reads of what is pending: where it begins, what is next, and the rules of its queues."""

from typing import Any

from tasks import database
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.selectors import SENDABLE, Candidate, QueueRules

LATE_COMMIT = 2.0  # seconds: a submit that was late to commit was due so long before it could be seen

# By priority: nothing is due earlier than this time, which is as the database gave it.
Since = dict[int, Any]

_LEVELS = " UNION ALL ".join(f"SELECT {level} AS priority" for level in range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1))


def first_due(queue: str, types: list[str] | None) -> tuple[Since, dict[int, float]]:
    """Looks from the top for what is due first of each priority, of these types or of any.

    Returns since when to look from now on, and how many seconds the first has waited, where there is one.
    """
    of_types = "" if types is None else f"AND type IN ({_words(types)})"
    rows = database.run(
        f"""SELECT priority, CASE WHEN first < late THEN first ELSE late END, {database.seconds_since("first")} FROM (
            SELECT priority, (SELECT run_at FROM tasks_task WHERE {SENDABLE} AND queue = %s
                AND tasks_task.priority = levels.priority {of_types} ORDER BY run_at, id LIMIT 1) AS first,
                {database.clock_plus("-%s")} AS late
            FROM ({_LEVELS}) AS levels) AS found""",
        [queue, *(types or []), LATE_COMMIT],
    )
    return {row[0]: row[1] for row in rows}, {row[0]: float(row[2]) for row in rows if row[2] is not None}


def queue_heads(since: dict[str, Since]) -> dict[str, tuple[QueueRules, dict[int, str]]]:
    """Returns each queue with its rules and, of each priority that has anything pending since then, the first type.

    The rules come with each look: a limit holds from the moment it is set.
    """
    levels = [(queue, level, moment) for queue, each in since.items() for level, moment in each.items()]
    rows = database.run(
        f"""WITH {database.given(queue="text", priority="smallint", since="timestamptz")}
        SELECT name, paused, rate_limit, concurrency_limit, v_priority,
            (SELECT type FROM tasks_task WHERE {SENDABLE} AND queue = v_queue AND priority = v_priority
             AND run_at >= v_since ORDER BY run_at, id LIMIT 1)
        FROM tasks_queue LEFT JOIN v ON v_queue = name""",
        [database.as_rows({"queue": queue, "priority": level, "since": moment} for queue, level, moment in levels)],
    )
    heads: dict[str, tuple[QueueRules, dict[int, str]]] = {}
    for name, paused, rate_limit, concurrency_limit, level, type_name in rows:
        _, types = heads.setdefault(name, (QueueRules(name, bool(paused), rate_limit, concurrency_limit), {}))
        if type_name is not None:
            types[level] = type_name
    return heads


def candidates(queue: str, types: list[str], since: Since, *, limit: int) -> list[Candidate]:
    """Returns what is next on the queue, of these types and priorities, in the order in which it is sent."""
    found: list[Candidate] = []
    for priority in sorted(since, reverse=True):
        if len(found) < limit:
            rows = database.run(
                f"""SELECT id, type, priority, payload_bytes, suspect FROM tasks_task
                WHERE {SENDABLE} AND queue = %s AND priority = %s AND run_at >= %s
                AND type IN ({_words(types)}) ORDER BY run_at, id LIMIT %s""",
                [queue, priority, since[priority], *types, limit - len(found)],
            )
            found += [Candidate(database.as_uuid(row[0]), row[1], row[2], row[3], bool(row[4])) for row in rows]
    return found


def _words(names: list[str]) -> str:
    return ", ".join("%s" for _ in names) or "''"
