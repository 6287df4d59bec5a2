"""What a task's page says of the tasks around it."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from tasks.admin.task_page import graph
from tasks.models import TaskDependency
from tasks.periodic import SUBMIT
from tasks.services import cancel_tasks, clone_task, submit_task, submit_tasks
from tasks.states import TaskStatus
from tests.tasks.admin.conftest import NASTY

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def page(client: Client, pk: Any) -> Any:
    return client.get(reverse("admin:tasks_task_change", args=[pk]))


def test_both_sides_are_shown_with_their_states_and_links(root: Client) -> None:
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
    sides = [shown.context["graph"][side] for side in ("before", "after")]
    assert [(side["title"], side["rows"][0]["status"]) for side in sides] == [
        ("Waits for", "Pending"), ("Is waited for by", "Blocked")
    ]  # fmt: skip
    text = shown.content.decode()
    for other in (first, third):
        assert f'href="{reverse("admin:tasks_task_change", args=[other])}"' in text
    assert NASTY not in text
    assert "first &lt;script&gt;" in text
    assert text.count('<path class="ty-unmet"') == 2
    assert dict(shown.context["facts"])["Still waits for"] == "1 task"
    alone = page(root, first).context["graph"]
    assert (alone["before"], alone["after"]["count"]) == (None, "1")
    assert page(root, submit_task(type="sample.noop").id).context["graph"] is None


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


def test_of_many_the_first_are_drawn_and_all_are_counted(root: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(graph, "SHOWN", 3)
    parent = submit_task(type="sample.noop").id
    costs = []
    for more in (4, 9):
        submit_tasks([{"type": "sample.noop", "depends_on": [str(parent)]} for _ in range(more)])
        page(root, parent)
        with CaptureQueriesContext(connection) as queries:
            side = page(root, parent).context["graph"]["after"]
        costs.append(len(queries))
    assert (len(side["rows"]), side["count"], side["more"], side["is_cut"]) == (3, "13", "and 10 more", True)
    assert costs[0] == costs[1]
    monkeypatch.setattr("tasks.selectors.COUNT_CAP", 5)
    assert page(root, parent).context["graph"]["after"]["count"] == "more than 5"


def test_what_need_not_be_waited_for_any_more_is_drawn_differently(root: Client) -> None:
    parents = [submit_task(type="sample.noop").id for _ in range(2)]
    child = submit_task(type="sample.noop", depends_on=parents).id
    TaskDependency.objects.filter(parent_id=parents[0]).update(met=True)
    text = page(root, child).content.decode()
    assert (text.count('class="ty-met"'), text.count('class="ty-unmet"')) == (1, 1)


def test_what_was_made_of_it_and_what_made_it_is_linked(root: Client, make_task: Any) -> None:
    task = make_task(name="One")
    copies = [clone_task(task.pk, {"payload": {"url": "https://example.org"}}).id for _ in range(7)]
    said = dict(page(root, task.pk).context["facts"])["Copied as"]
    assert said.count("<a ") == 5
    assert str(copies[-1]) in said  # the newest first
    assert said.endswith(" and 2 more")
    periodic = PeriodicTask.objects.create(
        name=f"nightly {NASTY}", task=SUBMIT, interval=IntervalSchedule.objects.create(every=1, period="hours")
    )
    key = f"periodic {periodic.pk} 2026-03-01T02:00:00+00:00"
    tick = make_task(idempotency_key=key)
    facts = dict(page(root, tick.pk).context["facts"])
    address = reverse("admin:django_celery_beat_periodictask_change", args=[periodic.pk])
    assert f'href="{address}"' in facts["Periodic task"]
    assert NASTY not in facts["Periodic task"]
    assert facts["Slot"] == "2026-03-01T02:00:00+00:00"
    own = make_task(idempotency_key=key, created_by=User.objects.get())  # anybody may call a key like that
    assert "Periodic task" not in dict(page(root, own.pk).context["facts"])
    periodic.delete()
    assert "which is gone" in dict(page(root, tick.pk).context["facts"])["Periodic task"]
