"""Dependencies by the API: wrong ones are named by their path, and lists that show them cost no more."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.models import Task
from tasks.services import cancel_tasks, submit_task
from tasks.states import TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOOP = {"type": "sample.noop"}
NOBODY = str(uuid.UUID(int=0))


@pytest.mark.parametrize(
    ("address", "body", "path", "code", "detail"),
    [
        ("tasks/", NOOP | {"depends_on": [NOBODY]}, "depends_on.0", "unknown_task", f"there is no task {NOBODY}"),
        ("tasks/", NOOP | {"depends_on": ["x"]}, "depends_on.0", "value_error", "give the id of a task"),
        ("tasks/", NOOP | {"depends_on": [0]}, "depends_on.0", "no_list", "an index names another task"),
        ("tasks/bulk/", [NOOP, NOOP | {"depends_on": [0, 2]}], "1.depends_on.1", "unknown_task", "no task 2"),
        ("tasks/bulk/", [NOOP | {"depends_on": [0]}], "0.depends_on.0", "circle", "0 → 0"),
        (
            "tasks/bulk/",
            [NOOP | {"depends_on": [2]}, NOOP | {"depends_on": [0]}, NOOP | {"depends_on": [1]}],
            "0.depends_on.0",
            "circle",
            "these tasks wait for each other: 0 → 2 → 1 → 0",
        ),
    ],
)
def test_circles_and_unknown_ids_are_named(
    address: str, body: Any, path: str, code: str, detail: str, root: Api
) -> None:
    status, answer = root.post(address, body)
    (error,) = answer["errors"]
    assert (status, error["attr"], error["code"]) == (400, path, code)
    assert detail in error["detail"]
    assert not Task.objects.exists()


def test_waiting_for_what_has_failed_is_a_conflict_that_names_its_state(root: Api) -> None:
    parent = a_task(TaskStatus.FAILED)
    status, answer = root.post("tasks/", NOOP | {"depends_on": [str(parent.id)]})
    assert (status, answer["status"], answer["errors"][0]["code"]) == (409, "failed", "dependency_ended")
    assert answer["errors"][0]["detail"].startswith("depends_on.0: ")


def test_a_list_of_tasks_with_dependencies_costs_the_same_for_more(root: Api) -> None:
    costs = []
    for number in (1, 12):
        for _ in range(number):
            parent = submit_task(type="sample.noop").id
            waiting = submit_task(type="sample.noop", depends_on=[parent, submit_task(type="sample.noop").id])
            cancel_tasks([parent])
            assert waiting.created
        with CaptureQueriesContext(connection) as queries:
            code, body = root.get("tasks/", limit=100)
        assert (code, len(body["results"])) == (200, Task.objects.count())
        costs.append(len(queries))
    assert costs[0] == costs[1]
    shown = [each for each in body["results"] if each["error"]]
    assert len(shown) == 13
    assert {each["error"]["category"] for each in shown} == {"dependency_failed"}
    assert {len(each["depends_on"]) for each in shown} == {2}
