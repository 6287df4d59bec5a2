"""The lists over a million tasks, on both databases: by which way each statement goes, and how many there are.

Plans and not times: they are the same on a busy machine. docs/search.md has the times that were measured.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tasks import database, selectors
from tasks.models import Task
from tasks.paging import FEW, Pages
from tasks.searching import Selection, selection
from tests.tasks.searching.million import ROWS, fill

pytestmark = [pytest.mark.django_db, pytest.mark.embedded, pytest.mark.database]  # much data


@pytest.fixture(scope="module", autouse=True)
def root(django_db_setup: None, django_db_blocker: Any) -> Iterator[User]:
    """The table is filled once for all tests here, none of which keeps anything."""
    with django_db_blocker.unblock():
        with transaction.atomic():
            if database.is_postgresql():
                # The fill is no statement of ours, and machines are busy.
                database.run("SET LOCAL statement_timeout = 0")
            fill()
            if database.is_postgresql():
                database.run("ANALYZE tasks_task, tasks_taskattempt")
            yield User.objects.create_superuser("million")
            transaction.set_rollback(True)
        if database.is_postgresql():
            database.run("TRUNCATE tasks_task, tasks_taskattempt CASCADE")  # else the next tests wade through dead rows


def said(call: Callable[[], Any]) -> list[str]:
    """Returns the statements that read tasks, of which none is said twice."""
    with CaptureQueriesContext(connection) as queries:
        call()
    found = [query["sql"] for query in queries if re.search(r'FROM "?tasks_task"?\b', query["sql"])]
    assert len(found) == len(set(found))
    return found


def steps(statement: str) -> list[str]:
    """Returns the plan, a line a step, with the index and what it is searched by."""
    if not database.is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + statement.replace("%", "%%"), [])
            return [row[3] for row in cursor.fetchall()]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement.replace('%', '%%')}", [])
        found = cursor.fetchone()[0]
    found = json.loads(found) if isinstance(found, str) else found
    lines, rest = [], [found[0]["Plan"]]
    while rest:
        node = rest.pop()
        names = ("Node Type", "Relation Name", "Index Name", "Index Cond", "Subplan Name")
        lines.append(" ".join(str(node[name]) for name in names if name in node))
        rest += node.get("Plans", [])
    return lines


def listed(q: str, user: User) -> tuple[list[Any], tuple[int, bool], list[str]]:
    chosen = Selection("tasks", q)
    found: list[Any] = []
    count: list[tuple[int, bool]] = []

    def call() -> None:
        pages = Pages(chosen.rows(user).order_by(*chosen.order))
        count.append(pages.capped_count)
        found.extend(pages.between(0, 50))

    statements = said(call)
    return found, count[0], statements


MANY = {
    "": "task_created",
    "status:completed": "task_finished",
    "status:failed": "task_failed",
    "status:cancelled": "task_cancelled",
    "status:pending": "task_created",
    "status:completed,failed": "task_finished",
    "type:http_request": "_created",  # or by type and time: both are short ways
    "queue:http": "task_created",
    "priority:>=7": "task_created",
    "worker:w3@host": "task_created",
    "tag:nightly": "task_created",
    "order": "task_created",
    "created:>=2020-01-01": "task_created",
    "finished:>=2020-01-01": "task_finished",
    "age:>3d": "task_created",
}


@pytest.mark.parametrize("q", MANY, ids=[q or "all" for q in MANY])
def test_the_newest_of_many_are_read_off_an_index(q: str, root: User) -> None:
    rows, (count, _), statements = listed(q, root)
    assert (len(rows), FEW < count <= selectors.COUNT_CAP) == (50, True)
    page, plan = statements[-1], steps(statements[-1])
    assert "LIMIT 50" in page
    assert any(MANY[q] in step for step in plan), plan
    # Rows of the same time are put in order, and nothing else is.
    assert not [step for step in plan if step.startswith(("Sort", "Seq Scan", "USE TEMP B-TREE FOR ORDER BY"))], plan
    assert all("LIMIT" in statement for statement in statements)
    keys = sorted(rows, key=lambda row: (row.finished_at if MANY[q] == "task_finished" else row.created_at, row.id))
    assert rows == keys[::-1]


RARE = {
    "status:processing": 500,
    "status:retrying": 100,
    "status:blocked": 20,
    "queue:rare": 100,
    "queue:rare priority:7": 100,
    "type:nothing": 0,
    "worker:nobody": 0,
    "tag:nothing": 0,
    "attempt:7": 0,
    "nothing": 0,
}


@pytest.mark.parametrize("q", RARE)
def test_the_rare_are_looked_for_once(q: str, root: User) -> None:
    rows, (count, is_capped), statements = listed(q, root)
    assert (len(rows), is_capped) == (min(count, 50), False)
    assert count == RARE[q]
    statements = [each for each in statements if "WITH RECURSIVE" not in each]  # which types there are
    looks = [each for each in statements if f"LIMIT {FEW + 1}" in each]
    by_key = [each for each in statements if each not in looks]
    assert (len(looks), len(by_key)) == (1, 1 if rows else 0)
    for statement in by_key:
        plan = steps(statement)
        assert all("task" not in step or "pkey" in step or "autoindex" in step for step in plan), plan


def test_what_is_indexed_by_status_is_found_by_that(root: User) -> None:
    for status in ("blocked", "processing", "queued"):
        looks = [each for each in listed(f"status:{status}", root)[2] if f"LIMIT {FEW + 1}" in each]
        assert any(f"task_{status}" in step for step in steps(looks[0])), steps(looks[0])


BY_INDEXES = {
    "status:pending": ["task_pending", "task_parked"],
    "status:scheduled": ["task_waiting_for_time"],
    "-status:completed -status:failed": ["task_pending", "task_queued", "task_processing", "task_cancelled"],
}


@pytest.mark.parametrize("q", BY_INDEXES)
def test_sqlite_is_told_which_indexes_have_what_is_selected_by_status(q: str, root: User) -> None:
    if database.is_postgresql():
        pytest.skip("PostgreSQL has statistics to decide by")
    limits = (f"LIMIT {FEW + 1}", f"LIMIT {selectors.COUNT_CAP + 1}")  # the look at the first of them, and the count
    statements = [each for each in listed(q, root)[2] if any(limit in each for limit in limits)]
    assert statements
    for statement in statements:
        plan = steps(statement)
        assert all(any(f"INDEX {name} " in step for step in plan) for name in BY_INDEXES[q]), plan
        assert "SCAN tasks_task" not in plan
    # In an order that no index has they are found so as well, and all of them are put in order.
    rows = Selection("tasks", q).rows(root).order_by("-priority", "run_at", "-id")
    plan = steps(said(lambda: list(rows[:50]))[0])
    assert any(BY_INDEXES[q][0] in step for step in plan), plan


ORDERS = {"finished_at": "finished", "-finished_at": "finished", "run_at": "created", "-priority": "created"}


@pytest.mark.parametrize("order", ORDERS)
def test_other_orders_are_read_off_an_index_or_put_the_newest_in_order(order: str, root: User) -> None:
    pages = Pages(Task.objects.order_by(order, "-id"), newest_suffice=True)
    rows: list[Task] = []
    statements = said(lambda: rows.extend(pages.between(0, 50)))
    assert len(rows) == 50
    plan = steps(statements[-1])
    assert any(f"task_{ORDERS[order]}" in step for step in plan), plan
    assert not [step for step in plan if "Seq Scan" in step or step == "SCAN tasks_task"], plan
    assert len(statements) == (1 if "finished" in order else 4)  # how many, whether very many, where they begin


def test_types_are_read_from_one_to_the_next(root: User) -> None:
    assert selectors.types_in_use(10) == ["http_request", *(f"sample.type{number}" for number in range(1, 6))]
    with CaptureQueriesContext(connection) as queries:
        selectors.types_in_use(10)
    plan = steps(queries[0]["sql"])
    assert not [step for step in plan if "Seq Scan" in step or step == "SCAN tasks_task"], plan


INSIDE = {
    "payload.order_id:42": 1,
    "payload.order_id:>999000": 0,
    "error:timeout": 2_667,
    "category:timeout": 2_667,
    "duration:>1000d": 0,
}


@pytest.mark.parametrize("q", INSIDE)
def test_contents_are_looked_for_among_the_newest_by_time(q: str, root: User) -> None:
    _, (count, _), statements = listed(q, root)
    assert count == INSIDE[q]
    assert selection.NEWEST_LOOKED_AT < ROWS
    for statement in statements[:2]:  # where the newest begin, and the look at them
        plan = steps(statement)
        assert any("task_created" in step for step in plan), plan
        assert not [step for step in plan if "Seq Scan tasks_task" in step or step == "SCAN tasks_task"], plan
        # Attempts are found task by task: to read all of them once would cost more with each day.
        assert not [step for step in plan if "hashed" in step or "Seq Scan tasks_taskattempt" in step], plan


def test_an_id_is_found_by_its_beginning(root: User) -> None:
    key = str(listed("", root)[0][7].id)
    for text in (key, f"id:{key[:20]}"):
        rows, _, statements = listed(text, root)
        assert [str(row.id) for row in rows][:1] == [key]
        assert len(statements) <= 3


@pytest.mark.parametrize("address", ["/admin/tasks/task/", "/admin/tasks/task/?status=failed&q=queue:http&p=3"])
def test_a_page_of_the_admin_costs_few_statements(address: str, root: User) -> None:
    client = Client()
    client.force_login(root)
    client.get(address)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(address)
    assert len(response.context["cl"].result_list) == 50
    assert "more than 10000 tasks" in " ".join(response.content.decode().split())
    assert len(queries) <= 9
    of_tasks = [query["sql"] for query in queries if 'FROM "tasks_task"' in query["sql"]]
    assert all("LIMIT" in statement or '"id" IN (' in statement for statement in of_tasks)


def test_a_deep_cursor_costs_what_the_first_one_does(root: User) -> None:
    from rest_framework_simplejwt.tokens import RefreshToken

    client, token = Client(), RefreshToken.for_user(root).access_token
    headers = {"Authorization": f"Bearer {token}"}
    last = client.get("/api/tasks/?page=1000&limit=100", headers=headers).json()
    assert "cursor=" in last["next"]
    with CaptureQueriesContext(connection) as queries:
        page = client.get(last["next"], headers=headers).json()
    assert len(page["results"]) == 100
    assert page["results"][0]["created_at"] < last["results"][-1]["created_at"]
    [statement] = [query["sql"] for query in queries if "LIMIT 101" in query["sql"]]
    plan = steps(statement)
    assert any("task_created" in step and "created_at" in step for step in plan), plan  # searched, not walked
