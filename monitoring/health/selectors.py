"""Whether the installation can do its work, read from rows: no page asks the broker or a worker."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from tasks import database
from tasks.leadership import COORDINATOR
from tasks.selectors import online_worker_names

_all_applied = False


def unapplied_migrations() -> list[str]:
    """Returns the names of the missing ones. Once there are none, only the database is asked whether it answers."""
    global _all_applied
    if _all_applied:
        database.now()
        return []
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    _all_applied = not plan
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def leading_coordinator() -> str | None:
    """Returns who leads now, or None."""
    rows = database.run(
        f"SELECT holder FROM tasks_leadership WHERE role = %s AND expires_at > {database.clock()}", [COORDINATOR]
    )
    return rows[0][0] if rows else None


def online_workers() -> list[str]:
    return online_worker_names()
