"""Tasks that wait for others, as they are submitted: the parents are locked, the edges stored.

A parent may end at the same moment. Its finish locks it too, and looks for dependents in a second statement: whoever
comes first, the child is told (reference: protocol section 5).
"""

import uuid
from collections.abc import Iterable

from tasks import database
from tasks.states import TaskStatus

AT_ONCE = 5_000


def lock_parents(ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, TaskStatus]:
    """Locks these tasks until the transaction ends and marks them as having dependents. Returns those that exist."""
    given = database.as_ids(sorted(set(ids)))
    rows = database.run(
        f"""WITH {database.given(id="uuid")}
        SELECT id, status, has_dependents FROM tasks_task WHERE {database.is_in("v_id", "v")}
        ORDER BY id {database.lock()}""",
        [given],
    )
    unmarked = [row[0] for row in rows if row[1] != TaskStatus.COMPLETED and not row[2]]
    if unmarked:
        database.run(
            f"""WITH {database.given(id="uuid")}
            UPDATE tasks_task SET has_dependents = %s WHERE {database.is_in("v_id", "v")}""",
            [database.as_ids(database.as_uuid(each) for each in unmarked), True],
        )
    return {database.as_uuid(row[0]): TaskStatus(row[1]) for row in rows}


def add_edges(edges: list[tuple[uuid.UUID, uuid.UUID, bool]]) -> None:
    """Stores (child, parent, met). Belongs into the transaction that has locked the parents."""
    for start in range(0, len(edges), AT_ONCE):
        database.run(
            f"""WITH {database.given(child="uuid", parent="uuid", met="boolean")}
            INSERT INTO tasks_taskdependency (child_id, parent_id, met) SELECT v_child, v_parent, v_met FROM v""",
            [
                database.as_rows(
                    {"child": child, "parent": parent, "met": met}
                    for child, parent, met in edges[start : start + AT_ONCE]
                )
            ],
        )
