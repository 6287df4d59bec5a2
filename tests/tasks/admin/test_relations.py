"""What a task's page says of the tasks around it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tasks.admin import relations
from tasks.models import Task
from tasks.services import cancel_tasks, submit_task, submit_tasks
from tasks.states import TaskStatus
from tests.tasks.admin.conftest import NASTY

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def page(client: Client, pk: Any) -> Any:
    return client.get(reverse("admin:tasks_task_change", args=[pk]))


def test_both_sides_are_shown_with_badges_and_links(root: Client) -> None:
    first, second, third = (
        each.id
        for each in submit_tasks(
            [
                {"type": "sample.noop", "name": f"first {NASTY}"},
                {"type": "sample.noop", "name": "second", "depends_on": [0]},
                {"type": "sample.noop", "name": "third", "depends_on": [1]},
            ]
        )
    )
    shown = page(root, second)
    sides = {side["title"]: side["rows"] for side in shown.context["relations"]}
    assert [row["status"] for row in sides["Waits for"]] == ["Pending"]
    assert [row["status"] for row in sides["Is waited for by"]] == ["Blocked"]
    text = shown.content.decode()
    for other in (first, third):
        assert f'href="{reverse("admin:tasks_task_change", args=[other])}"' in text
    assert NASTY not in text
    assert "first &lt;script&gt;" in text
    assert dict(shown.context["facts"])["Still waits for"] == "1 task"
    assert [side["title"] for side in page(root, first).context["relations"]] == ["Is waited for by"]


def test_a_task_that_failed_with_another_says_so(root: Client) -> None:
    parent = submit_task(type="sample.noop").id
    child = submit_task(type="sample.noop", depends_on=[parent]).id
    cancel_tasks([parent])
    shown = page(root, child)
    assert f"DependencyFailed: it depends on task {parent}, which is cancelled" in shown.content.decode()
    assert "retry" not in [each["label"].lower() for each in shown.context["buttons"]]


def test_why_a_task_is_passed_over_is_shown(root: Client, make_task: Any) -> None:
    task = make_task(TaskStatus.PENDING, parked=f"no worker {NASTY}")
    text = page(root, task.pk).content.decode()
    assert NASTY not in text
    assert "no worker &lt;script&gt;" in text


def test_many_relations_are_cut_and_cost_no_more(root: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(relations, "SHOWN", 3)
    parent = submit_task(type="sample.noop").id
    costs = []
    for more in (2, 3):
        submit_tasks([{"type": "sample.noop", "depends_on": [str(parent)]} for _ in range(more)])
        page(root, parent)
        with CaptureQueriesContext(connection) as queries:
            (side,) = page(root, parent).context["relations"]
        costs.append(len(queries))
    assert (len(side["rows"]), side["is_cut"]) == (3, True)
    assert costs[0] == costs[1]
    assert Task.objects.count() == 6
