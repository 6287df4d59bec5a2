"""Workers' rows: what is online, what it listens to and knows, how long its types take."""

import json

from django.conf import settings

from tasks import database, registry
from tasks.node import Node


def announce(node: Node, means: dict[str, float], *, claimed_ago: float | None) -> None:
    """Writes the heartbeat. `means` are milliseconds by type; `claimed_ago` is seconds since the newest claim."""
    postgresql = database.is_postgresql()
    cast = "::jsonb" if postgresql else ""
    merged = "tasks_worker.means || excluded.means" if postgresql else "json_patch(tasks_worker.means, excluded.means)"
    last = "NULL" if claimed_ago is None else database.clock_plus(f"-{claimed_ago:.3f}")
    kinds = {handler.name: handler.kind.value for handler in registry.handlers()}
    database.run(
        f"""INSERT INTO tasks_worker (name, host, pid, "group", queues, types, means, release, processes,
            started_at, heartbeat_at, last_task_at, stopped_at)
        VALUES (%s, %s, %s, %s, %s{cast}, %s{cast}, %s{cast}, %s, %s,
            {database.clock()}, {database.clock()}, {last}, NULL)
        ON CONFLICT (name) DO UPDATE SET host = excluded.host, "group" = excluded."group", queues = excluded.queues,
            types = excluded.types, means = {merged}, release = excluded.release, processes = excluded.processes,
            started_at = CASE WHEN tasks_worker.pid = excluded.pid AND tasks_worker.stopped_at IS NULL
                         THEN tasks_worker.started_at ELSE excluded.started_at END,
            pid = excluded.pid, heartbeat_at = excluded.heartbeat_at, stopped_at = NULL,
            last_task_at = coalesce(excluded.last_task_at, tasks_worker.last_task_at)""",
        [
            node.name, node.host, node.pid, node.group, json.dumps(node.lines), json.dumps(kinds), json.dumps(means),
            settings.TASKYARD_RELEASE, node.processes,
        ],
    )  # fmt: skip


def forget_old(older_than: float) -> int:
    """Removes the rows of workers that were last heard of more than `older_than` seconds ago. Returns how many."""
    return database.count(f"DELETE FROM tasks_worker WHERE heartbeat_at < {database.clock_plus('-%s')}", [older_than])


def leave(node: Node) -> None:
    """Notes that the worker was stopped on purpose."""
    database.run(
        f"UPDATE tasks_worker SET stopped_at = {database.clock()} WHERE name = %s AND pid = %s", [node.name, node.pid]
    )
