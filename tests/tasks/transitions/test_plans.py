"""The plans of the hot statements on PostgreSQL: stable whatever the statistics say (reference: protocol rule P1)."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import database
from tasks.models import Task, TaskDependency
from tasks.models.task import new_id
from tasks.pending import candidates, first_due, queue_heads
from tasks.recalling import recall
from tasks.states import FINAL, TaskStatus
from tasks.transitions import cancel, cancel_requests, claim, enqueue, finish, renew, return_queued
from tests.tasks.rows import HOLDER, LEADER, ending, lead, tasks

pytestmark = [pytest.mark.broker, pytest.mark.django_db]

EACH = 5_000  # rows of each status that is on the hot path
HOT = (TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.PROCESSING)


def fill(*statuses: TaskStatus) -> None:
    """Stores EACH tasks of each status; ids are drawn, so that the rows of a set lie anywhere."""
    for status in statuses:
        final = status in FINAL
        database.run(
            f"""INSERT INTO tasks_task (id, type, name, queue, priority, status, payload, payload_bytes, tags, timeout,
                retry, max_attempts, budget, attempt, uncounted, run_at, created_at, queued_at, started_at, finished_at,
                lease_expires_at, worker, incarnation, alone, suspect, losses, returns, progress_text, idempotency_hash)
            SELECT gen_random_uuid(), 'sample.noop', '', 'default', n %% 10, %s, '{{}}', 2, '[]', 60,
                '{{}}', 3, 3, 1, 0, now(), now(), now(), now(), {"now()" if final else "NULL"},
                now() + interval '1 hour', 'w@test', %s, false, false, 0, 0, '', ''
            FROM generate_series(1, {EACH}) AS n""",
            [status, HOLDER],
        )


def analyze() -> None:
    database.run("ANALYZE tasks_task")


@pytest.fixture(params=["empty", "stale", "fresh"])
def statistics(request: pytest.FixtureRequest, db: None) -> None:
    """Fills the table, with statistics from when it was empty, from when nothing was under way, or from now."""
    lead()
    if request.param == "stale":
        fill(TaskStatus.COMPLETED, TaskStatus.COMPLETED)
    analyze()
    fill(*HOT)
    if request.param == "fresh":
        analyze()


MOVES: dict[str, tuple[TaskStatus, Callable[[list[Task]], Any]]] = {
    "enqueue": (
        TaskStatus.PENDING,
        lambda rows: enqueue([row.id for row in rows], queue="default", **LEADER),
    ),
    "return": (TaskStatus.QUEUED, lambda rows: return_queued([row.id for row in rows], **LEADER)),
    "claim": (
        TaskStatus.QUEUED,
        lambda rows: claim(
            [row.id for row in rows], queue="default", worker="w", incarnation=HOLDER, lease=30, alone=False
        ),
    ),
    "renew": (
        TaskStatus.PROCESSING,
        lambda rows: renew([(row.id, row.attempt) for row in rows], incarnation=HOLDER, lease=30),
    ),
    "read requests to cancel": (
        TaskStatus.PROCESSING,
        lambda rows: not cancel_requests([(row.id, row.attempt) for row in rows], incarnation=HOLDER),
    ),
    "finish": (
        TaskStatus.PROCESSING,
        lambda rows: finish([ending(row, TaskStatus.COMPLETED) for row in rows], incarnation=HOLDER),
    ),
    "recall": (
        TaskStatus.PROCESSING,
        lambda rows: recall([row.id for row in rows], incarnation=HOLDER, held=()),
    ),
    "cancel": (TaskStatus.PENDING, lambda rows: cancel([row.id for row in rows])),
}


@pytest.mark.usefixtures("statistics")
def test_statements_that_are_driven_by_ids_use_the_primary_key() -> None:
    used = {}
    for name, (status, call) in MOVES.items():
        for count in (1, 5, 200):
            rows = list(Task.objects.filter(status=status)[:count])
            used[name, count] = {way for statement in statements_of(lambda: call(rows)) for way in ways(statement)}  # noqa: B023
    assert used == {key: {"tasks_task_pkey"} for key in used}


@pytest.mark.usefixtures("statistics")
@pytest.mark.parametrize("limit", [10, 1_000])
def test_what_is_sent_next_is_read_in_the_order_of_its_index(limit: int) -> None:
    types = ["sample.noop", "sample.echo"]
    since, _ = first_due("default", types)
    statements = statements_of(lambda: candidates("default", types, since, limit=limit))
    assert statements
    for statement in statements:
        assert ways(statement) == {"task_pending"}
        assert "Sort" not in {node["Node Type"] for node in plan(statement)}
        assert all("run_at" in condition for condition in conditions(statement))


@pytest.mark.usefixtures("statistics")
@pytest.mark.parametrize("types", [None, ["sample.noop", "sample.echo"]])
def test_where_what_is_pending_begins_is_read_off_its_index(types: list[str] | None) -> None:
    [statement] = statements_of(lambda: first_due("default", types))
    assert ways(statement) == {"task_pending"}
    assert "Sort" not in {node["Node Type"] for node in plan(statement)}


@pytest.mark.usefixtures("statistics")
def test_the_types_of_what_is_next_are_read_from_where_it_begins() -> None:
    since, _ = first_due("default", None)
    [statement] = statements_of(lambda: queue_heads({"default": since, "http": since}))
    assert ways(statement) == {"task_pending"}
    assert "Sort" not in {node["Node Type"] for node in plan(statement)}
    assert all("run_at" in condition for condition in conditions(statement))


def statements_of(call: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert call()
    return [query["sql"] for query in queries if re.search(r"\btasks_task(dependency)?\b", query["sql"])]


def ways(statement: str) -> set[str]:
    """Returns by which indexes a statement reaches the tasks; for whatever is no index, the kind of the scan."""
    return {
        node.get("Index Name", node["Node Type"])
        for node in plan(statement)
        if "Scan" in node["Node Type"]
        and (node.get("Relation Name") == "tasks_task" or "Index Name" in node)
        and node["Node Type"] != "Bitmap Heap Scan"
        and node.get("Relation Name") not in ("tasks_leadership", "tasks_queue")
    }


def conditions(statement: str) -> list[str]:
    """Returns by what each index scan of a statement begins and ends."""
    return [node["Index Cond"] for node in plan(statement) if "Index Name" in node]


def plan(statement: str) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}")
        found = cursor.fetchone()[0]
    found = json.loads(found) if isinstance(found, str) else found
    nodes, rest = [], [found[0]["Plan"]]
    while rest:
        node = rest.pop()
        nodes.append(node)
        rest += node.get("Plans", [])
    return nodes


def parents_with_children(count: int) -> list[Task]:
    """Claimed tasks of which each has a child, among many edges of others."""
    rows = list(Task.objects.filter(status=TaskStatus.PROCESSING).order_by("id")[:count])
    children = list(Task.objects.filter(status=TaskStatus.COMPLETED).order_by("id")[:EACH]) or rows
    edges = [TaskDependency(child=child, parent_id=new_id(), met=True) for child in children]
    blocked = tasks(count, TaskStatus.BLOCKED, unmet=1)
    edges += [TaskDependency(child_id=child, parent=parent) for child, parent in zip(blocked, rows, strict=True)]
    TaskDependency.objects.bulk_create(edges)
    Task.objects.filter(id__in=[row.id for row in rows]).update(has_dependents=True)
    return rows


@pytest.mark.usefixtures("statistics")
@pytest.mark.parametrize("status", [TaskStatus.COMPLETED, TaskStatus.FAILED])
@pytest.mark.parametrize("count", [1, 200])
def test_what_an_end_means_for_dependents_is_found_by_keys(status: TaskStatus, count: int) -> None:
    rows = parents_with_children(count)
    statements = statements_of(lambda: finish([ending(row, status) for row in rows], incarnation=HOLDER))
    assert any("tasks_taskdependency" in statement for statement in statements)
    used = {way: statement for statement in statements for way in ways(statement)}
    assert set(used) <= {"tasks_task_pkey", "dependency_parent", "dependency_once", "tasks_taskdependency_pkey"}
