"""What the end of a task means for those that depend on it, and what its return from the dead means for them.

Set-wise, level by level. What is too much for the transaction of a finish stays marked `unsettled`, and the coordinator
goes on with it. Parents are locked before children, each by id.
"""

import uuid
from collections import Counter
from collections.abc import Iterable

from tasks import database
from tasks.leadership import COORDINATOR
from tasks.states import DEAD, FINAL, EventKind, OnDependencyFailure, TaskStatus
from tasks.transitions.events import write_events

SETTLED_AT_ONCE = 5_000  # dependents that one transaction tells of an end
REBLOCKED_AT_ONCE = 20_000  # and of a return: whoever asked for it wants to see it

_FINAL = ", ".join(f"'{status}'" for status in sorted(FINAL))
_DEAD = ", ".join(f"'{status}'" for status in sorted(DEAD))


def settle(ids: Iterable[uuid.UUID], *, budget: int = SETTLED_AT_ONCE) -> int:
    """Tells the dependents of tasks that have ended, and the dependents of those that end by it. Returns how many.

    A child whose parents are all completed becomes pending. One whose parent is dead does as its
    `on_dependency_failure` says. Belongs into the transaction that ended the tasks; harmless where it has been done.
    """
    level, told = list(ids), 0
    while level:
        ended = _lock_ended(level)
        met = _meet(ended, budget - told) if ended else []
        told += len(met)
        dead = {task_id: status for task_id, status in ended.items() if status in DEAD}
        abandoned = _abandon(dead, budget - told) if dead and told < budget else []
        told += len(abandoned)
        if told >= budget:
            return told  # what is left stays marked
        if ended:
            _mark(list(ended), unsettled=False)
        level = [task_id for task_id, has_dependents in abandoned if has_dependents]
    return told


def settle_rest(*, limit: int = 100) -> int:
    """Goes on with tasks whose dependents do not all know yet. Returns how many it told.

    Bound to no term: every move of it is guarded by the rows themselves, and right whoever makes it.
    """
    with database.one_transaction():
        rows = database.run(f"SELECT id, status FROM tasks_task WHERE unsettled ORDER BY id LIMIT {limit:d}")
        ended = [database.as_uuid(row[0]) for row in rows if row[1] in FINAL]
        revived = [database.as_uuid(row[0]) for row in rows if row[1] not in FINAL]
        return (settle(ended) if ended else 0) + (reblock(revived) if revived else 0)


def repair_blocked(*, limit: int = 1_000) -> int:
    """Finds blocked tasks whose parents have ended without their knowing, and tells them. Returns how many parents.

    Nothing should ever be found: every way a task ends by settles it.
    """
    with database.one_transaction():
        rows = database.run(
            f"""SELECT DISTINCT p.id FROM tasks_task c JOIN tasks_taskdependency e ON e.child_id = c.id AND NOT e.met
            JOIN tasks_task p ON p.id = e.parent_id
            WHERE c.status = '{TaskStatus.BLOCKED}' AND NOT p.unsettled AND (p.status = '{TaskStatus.COMPLETED}'
                OR (p.status IN ({_DEAD}) AND c.on_dependency_failure <> '{OnDependencyFailure.WAIT}'))
            LIMIT {limit:d}"""
        )
        found = database.ids_of(rows)
        settle(found)
    return len(found)


def reblock(ids: Iterable[uuid.UUID], *, budget: int = REBLOCKED_AT_ONCE) -> int:
    """failed -> blocked for what had failed because of these tasks, which have just come back. Returns how many.

    A child stays failed while another of its parents is dead. What is too much for one transaction stays marked.
    """
    level, moved = list(ids), 0
    while level:
        children = _lock_children(level, TaskStatus.FAILED, budget - moved)
        back = _reblock(children)
        if back:
            write_events([each for each, _ in back], EventKind.REBLOCKED, reason="what it depends on is tried again")
        moved += len(back)
        if len(children) >= budget - moved + len(back):
            _mark(level, unsettled=True)
            return moved
        _mark(level, unsettled=False)
        level = [each for each, has_dependents in back if has_dependents]
    return moved


def _lock_children(parents: list[uuid.UUID], status: TaskStatus, limit: int) -> list[uuid.UUID]:
    rows = database.run(
        f"""WITH {database.given(id="uuid")}
        SELECT id FROM tasks_task WHERE {database.is_in("e.child_id", _UNMET_EDGES)} AND coalesce(status, '') = %s
        ORDER BY id LIMIT %s {database.lock()}""",
        [database.as_ids(parents), status, limit],
    )
    return database.ids_of(rows)


def _reblock(children: list[uuid.UUID]) -> list[tuple[uuid.UUID, bool]]:
    """Judges locked children in a statement of its own: two parents may come back at the same moment, and whoever has
    the locks second has to see what the first has committed."""
    if not children:
        return []
    rows = database.run(
        f"""WITH {database.given(id="uuid")}
        UPDATE tasks_task SET status = %s, finished_at = NULL, unsettled = %s
        WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') = %s AND unmet > 0 AND NOT EXISTS (
            SELECT 1 FROM tasks_taskdependency o LEFT JOIN tasks_task p ON p.id = o.parent_id
            WHERE o.child_id = tasks_task.id AND NOT o.met AND coalesce(p.status, '') IN ({_DEAD}, ''))
        RETURNING id, has_dependents""",
        [database.as_ids(children), TaskStatus.BLOCKED, False, TaskStatus.FAILED],
    )
    return [(database.as_uuid(row[0]), bool(row[1])) for row in rows]


_UNMET_EDGES = "v JOIN tasks_taskdependency e ON e.parent_id = v_id AND NOT e.met"


def _lock_ended(ids: list[uuid.UUID]) -> dict[uuid.UUID, TaskStatus]:
    # One that has come back from the dead since is none of them.
    rows = database.run(
        f"""WITH {database.given(id="uuid")}
        SELECT id, status FROM tasks_task WHERE {database.is_in("v_id", "v")} AND coalesce(status, '') IN ({_FINAL})
        ORDER BY id {database.lock()}""",
        [database.as_ids(ids)],
    )
    return {database.as_uuid(row[0]): TaskStatus(row[1]) for row in rows}


def _meet(ended: dict[uuid.UUID, TaskStatus], limit: int) -> list[uuid.UUID]:
    """Subtracts what is completed, or counts as such, from the children's `unmet`. Returns a child for each edge."""
    completed = [task_id for task_id, status in ended.items() if status == TaskStatus.COMPLETED]
    dead = [task_id for task_id, status in ended.items() if status in DEAD]
    children = Counter(_turn_met(completed, "", limit) if completed else [])
    if dead and children.total() < limit:
        run_anyway = f"""AND {database.is_in("e.child_id", _UNMET_EDGES)}
            AND on_dependency_failure = '{OnDependencyFailure.RUN}'"""
        children += Counter(_turn_met(dead, run_anyway, limit - children.total()))
    if children:
        _subtract(children)
    return list(children.elements())


def _turn_met(parents: list[uuid.UUID], of_children: str, limit: int) -> list[uuid.UUID]:
    # By arrays and not by joins: see `database.is_in`.
    children = f"SELECT id FROM tasks_task WHERE true {of_children}"
    chosen = f"AND e.child_id IN ({children})" if of_children else ""
    if of_children and database.is_postgresql():
        chosen = f"AND e.child_id = ANY(ARRAY({children}))"
    rows = database.run(
        f"""WITH {database.given(id="uuid")},
        picked AS (SELECT e.id FROM {_UNMET_EDGES} WHERE true {chosen} ORDER BY e.id LIMIT %s)
        UPDATE tasks_taskdependency SET met = %s WHERE {database.is_in("id", "picked")} RETURNING child_id""",
        [database.as_ids(parents), limit, True],
    )
    return database.ids_of(rows)


def _subtract(children: Counter[uuid.UUID]) -> None:
    """Lets go what has nothing left to wait for: also a task that a dead parent had failed, if all of its parents have
    come to their completion since."""
    waits = f"status IN ('{TaskStatus.BLOCKED}', '{TaskStatus.FAILED}') AND unmet > 0"
    is_free = f"{waits} AND unmet <= v_n"
    is_ahead = f"run_at > {database.clock()}"
    rows = database.run(
        f"""WITH {database.given(id="uuid", n="integer")},
        locked AS (SELECT id FROM tasks_task WHERE {database.is_in("v_id", "v")} ORDER BY id {database.lock()})
        UPDATE tasks_task SET unmet = CASE WHEN unmet > v_n THEN unmet - v_n ELSE 0 END,
            status = CASE WHEN {is_free} AND {is_ahead} THEN '{TaskStatus.SCHEDULED}'
                          WHEN {is_free} THEN '{TaskStatus.PENDING}' ELSE status END,
            run_at = CASE WHEN {is_free} AND NOT {is_ahead} THEN {database.clock()} ELSE run_at END,
            finished_at = CASE WHEN {is_free} THEN NULL ELSE finished_at END
        FROM v WHERE id = v_id AND {database.is_in("id", "locked")} RETURNING id, status, has_dependents""",
        [database.as_rows({"id": child, "n": n} for child, n in children.items())],
    )
    free = [row for row in rows if row[1] in (TaskStatus.PENDING, TaskStatus.SCHEDULED)]
    if free:
        database.notify_if_idle(COORDINATOR)
    if parents := [database.as_uuid(row[0]) for row in free if row[2]]:
        reblock(parents)


def _abandon(dead: dict[uuid.UUID, TaskStatus], limit: int) -> list[tuple[uuid.UUID, bool]]:
    """blocked -> failed for children of dead parents that shall not wait. Returns each with whether it has children."""
    rows = database.run(
        f"""WITH {database.given(id="uuid")},
        locked AS (SELECT id FROM tasks_task WHERE {database.is_in("e.child_id", _UNMET_EDGES)}
                   AND coalesce(status, '') = %s AND on_dependency_failure = %s
                   ORDER BY id LIMIT %s {database.lock()})
        UPDATE tasks_task SET status = %s, finished_at = {database.clock()}, unsettled = has_dependents
        WHERE {database.is_in("id", "locked")} RETURNING id, has_dependents""",
        [database.as_ids(dead), TaskStatus.BLOCKED, OnDependencyFailure.FAIL, limit, TaskStatus.FAILED],
    )
    abandoned = [(database.as_uuid(row[0]), bool(row[1])) for row in rows]
    if abandoned:
        children = [child for child, _ in abandoned]
        write_events(children, EventKind.ABANDONED, reason=_reasons(children, dead))
    return abandoned


def _reasons(children: list[uuid.UUID], dead: dict[uuid.UUID, TaskStatus]) -> dict[uuid.UUID, str]:
    rows = database.run(
        f"""WITH {database.given(id="uuid")}
        SELECT e.child_id, e.parent_id FROM v JOIN tasks_taskdependency e ON e.child_id = v_id AND NOT e.met
        ORDER BY e.id DESC""",
        [database.as_ids(children)],
    )
    edges = [(database.as_uuid(child), database.as_uuid(parent)) for child, parent in rows]
    return {child: f"it depends on task {parent}, which is {dead[parent]}" for child, parent in edges if parent in dead}


def _mark(ids: list[uuid.UUID], *, unsettled: bool) -> None:
    database.run(
        f"""WITH {database.given(id="uuid")}
        UPDATE tasks_task SET unsettled = %s WHERE {database.is_in("v_id", "v")}""",
        [database.as_ids(ids), unsettled],
    )
