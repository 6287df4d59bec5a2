"""Tasks whose type no online worker of their queue knows: set aside with the reason, taken up again, given up at last.

A parked task stays pending and is none of the dispatcher's candidates: the rest of its queue is not held up, and a
release that brings the type finds it there (reference: protocol rule F20).
"""

import uuid

from tasks import database
from tasks.states import EventKind, FailureCategory, TaskStatus
from tasks.transitions.events import write_events
from tasks.transitions.finishing import Death, bury
from tasks.transitions.settling import settle
from tasks.transitions.waiting import LEADS

AT_ONCE = 1_000


def park_unknown(queue: str, known: list[str], *, role: str, term: int) -> int:
    """Sets aside those of the next AT_ONCE pending tasks of the queue whose type is not known. Returns how many."""
    head = f"""SELECT id, type FROM tasks_task WHERE status = '{TaskStatus.PENDING}' AND parked = '' AND queue = %s
        ORDER BY priority DESC, run_at, id LIMIT {AT_ONCE}"""
    unknown = f"SELECT id FROM ({head}) AS head WHERE type NOT IN ({_words(known)})"
    with database.one_transaction():
        rows = database.run(
            f"""UPDATE tasks_task SET parked_at = {database.clock()},
                parked = 'no online worker of the queue ' || queue || ' knows the type ' || type
            WHERE {database.among(unknown)}
            AND coalesce(status, '') = %s AND {LEADS} RETURNING id""",
            [queue, *known, TaskStatus.PENDING, role, term],
        )
        ids = database.ids_of(rows)
        if ids:
            write_events(ids, EventKind.PARKED, reason="no online worker of its queue knows its type")
    return len(ids)


def unpark_known(queue: str, known: list[str], *, role: str, term: int) -> int:
    """Takes up again what was parked for types that are known by now. Returns how many."""
    known_now = f"""SELECT id FROM tasks_task WHERE parked <> '' AND queue = %s AND type IN ({_words(known)})
        ORDER BY id LIMIT {AT_ONCE} {database.lock()}"""
    return database.count(
        f"""UPDATE tasks_task SET parked = '', parked_at = NULL
        WHERE {database.among(known_now)}
        AND {LEADS}""",
        [queue, *known, role, term],
    )


def abandon_parked(queue: str, known: list[str], *, grace: float, role: str, term: int) -> list[uuid.UUID]:
    """pending -> failed where a task has been parked for `grace` seconds and its type is not known. Returns them."""
    overdue = f"""SELECT id FROM tasks_task WHERE parked <> '' AND queue = %s AND type NOT IN ({_words(known)})
        AND status = '{TaskStatus.PENDING}' AND parked_at < {database.clock_plus("-%s")}
        ORDER BY id LIMIT {AT_ONCE} {database.lock()}"""
    with database.one_transaction():
        rows = database.run(
            f"""UPDATE tasks_task SET status = %s, finished_at = {database.clock()}, parked = '',
                unsettled = has_dependents
            WHERE {database.among(overdue)}
            AND coalesce(status, '') = %s AND {LEADS} RETURNING id, attempt, type, queue, unsettled""",
            [TaskStatus.FAILED, queue, *known, grace, TaskStatus.PENDING, role, term],
        )
        deaths = [_death(row) for row in rows]
        if deaths:
            bury(deaths)
            write_events([each.id for each in deaths], EventKind.ABANDONED, reason=deaths[0].message)
        settle([death.id for death, row in zip(deaths, rows, strict=True) if row[4]])
    return [each.id for each in deaths]


def _death(row: tuple[object, ...]) -> Death:
    task_id, attempt, type_name, queue, _ = row
    return Death(
        id=database.as_uuid(task_id),
        attempt=int(str(attempt)),
        type=str(type_name),
        queue=str(queue),
        category=FailureCategory.UNKNOWN_TYPE,
        error_class="UnknownType",
        message="no worker of its queue has known its type in all the time of grace (UNKNOWN_TYPE_GRACE_SECONDS)",
    )


def _words(names: list[str]) -> str:
    return ", ".join("%s" for _ in names) or "''"
