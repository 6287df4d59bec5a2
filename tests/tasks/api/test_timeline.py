"""A task's life as the API tells it: before, in between and afterwards."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.api import timeline
from tasks.models import Task, TaskAttempt
from tasks.services import submit_task
from tasks.states import Outcome, TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FIXED = {"kind": "fixed", "base": 5, "jitter": False}


def life(api: Api, task: Any) -> dict[str, Any]:
    code, body = api.get(f"tasks/{task.id}/timeline/")
    assert code == 200
    return dict(body)


def waits(body: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(each["number"], each["shortest_wait"], each["longest_wait"]) for each in body["planned"]]


def test_before_the_first_attempt_all_are_planned(root: Api) -> None:
    task = Task.objects.get(id=submit_task(type="sample.noop", retry=FIXED, max_attempts=3, delay=60.0).id)
    body = life(root, task)
    assert waits(body) == [(1, None, None), (2, 5.0, 5.0), (3, 5.0, 5.0)]
    assert body["planned"][0]["not_before"] == task.run_at.isoformat().replace("+00:00", "Z")
    assert (body["attempts"], body["events"], body["timetable"]) == ([], [], [5.0, 5.0])


def test_a_running_attempt_is_among_the_attempts(root: Api) -> None:
    task = a_task(TaskStatus.PROCESSING, attempt=3, uncounted=1, retry=FIXED, max_attempts=3)
    body = life(root, task)
    assert [(each["number"], each["outcome"]) for each in body["attempts"]] == [(3, "running")]
    assert waits(body) == [(4, 5.0, 5.0)]


def test_with_jitter_the_wait_is_a_range(root: Api) -> None:
    task = a_task(TaskStatus.RETRYING, attempt=1, retry={"kind": "exponential", "base": 4}, max_attempts=3)
    assert waits(life(root, task)) == [(2, None, None), (3, 0.0, 8.0)]


def test_what_waits_for_others_has_no_time_yet(root: Api) -> None:
    assert life(root, a_task(TaskStatus.BLOCKED, unmet=1))["planned"][0]["not_before"] is None


def test_afterwards_nothing_is_planned_and_all_is_told(root: Api, dead: Task) -> None:
    body = life(root, dead)
    assert body["planned"] == []
    (attempt,) = body["attempts"]
    assert (attempt["outcome"], attempt["error"]["message"]) == ("failed", "it broke")
    root.post(f"tasks/{dead.id}/retry/", {"reason": "once more"})
    body = life(root, dead)
    assert root.user is not None
    (event,) = body["events"]
    assert (event["kind"], event["reason"], event["actor"]) == ("revived", "once more", root.user.get_username())
    assert [each["number"] for each in body["planned"]] == [2, 3, 4]


def test_what_may_be_secret_is_hidden(viewer: Api, root: Api, dead: Task) -> None:
    assert life(viewer, dead)["attempts"][0]["traceback"] is None
    assert life(root, dead)["attempts"][0]["traceback"] == "secret traceback"


def test_a_long_life_is_cut_and_costs_no_more(root: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(timeline, "MOST_ATTEMPTS_SHOWN", 2)
    task = a_task(TaskStatus.FAILED)
    costs, cut = [], []
    for number in (1, 2, 3):
        TaskAttempt.objects.create(
            task=task, number=number, outcome=Outcome.FAILED, worker="w", started_at=task.created_at,
            finished_at=task.created_at,
        )  # fmt: skip
        with CaptureQueriesContext(connection) as queries:
            body = life(root, task)
        costs.append(len(queries))
        cut.append(body["is_cut"])
    assert [each["number"] for each in body["attempts"]] == [2, 3]
    assert (cut, len(set(costs))) == ([False, False, True], 1)
