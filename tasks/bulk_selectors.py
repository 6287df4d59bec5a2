"""The reads of bulk actions that others share."""

import uuid

from tasks import database
from tasks.states import BULK_ACTIVE, Watched


def active_bulk_actions() -> list[uuid.UUID]:
    """Returns what the coordinator has to do of them, the oldest first."""
    active = ", ".join(f"'{status.value}'" for status in sorted(BULK_ACTIVE))
    return database.ids_of(database.run(f"SELECT id FROM tasks_bulkaction WHERE status IN ({active}) ORDER BY id"))


def watched_bulk_actions(seconds: float) -> list[uuid.UUID]:
    """Returns the others that have brought tasks back which have not ended, and that ended no longer ago than that."""
    active = ", ".join(f"'{status.value}'" for status in sorted(BULK_ACTIVE))
    rows = database.run(
        f"""SELECT id FROM tasks_bulkaction a WHERE guard IS NOT NULL AND status NOT IN ({active})
        AND (finished_at IS NULL OR finished_at > {database.clock_plus("-%s")}) AND EXISTS
            (SELECT 1 FROM tasks_bulkactionitem WHERE action_id = a.id AND outcome = '{Watched.AWAITED.value}')
        ORDER BY id""",
        [seconds],
    )
    return database.ids_of(rows)
