"""Queues by the API: rows with their counts, pausing, limits."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.models import Queue, Task
from tasks.states import TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task, queues, tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HTTP = "queue-manager/queues/http/"


def test_every_queue_has_its_counts(root: Api) -> None:
    queues("http", "data")
    tasks(3, queue="http")
    tasks(2, TaskStatus.SCHEDULED, queue="http")
    a_task(parked="no worker", queue="http")
    a_task(TaskStatus.COMPLETED, queue="http")
    code, body = root.get("queue-manager/queues/")
    assert (code, body["count"]) == (200, Queue.objects.count())
    rows = {row["name"]: row for row in body["results"]}
    assert rows["http"]["counts"] == {
        "scheduled": 2, "blocked": 0, "pending": 4, "queued": 0, "processing": 0, "retrying": 0, "parked": 1,
    }  # fmt: skip
    assert set(rows["data"]["counts"].values()) == {0}
    assert root.get(HTTP)[1] | {"oldest_seconds": 0} == rows["http"] | {"oldest_seconds": 0}  # that one grows


def test_the_list_costs_the_same_for_more_queues(root: Api) -> None:
    counts = []
    for number in (1, 20):
        for each in range(number):
            queues(name := f"q{number}-{each}")
            a_task(queue=name)
            Queue.objects.filter(name=name).update(paused=True, paused_by=root.user)
        with CaptureQueriesContext(connection) as queries:
            assert root.get("queue-manager/queues/")[0] == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_a_queue_is_paused_and_goes_on(root: Api) -> None:
    queues("http")
    task = a_task(TaskStatus.QUEUED, queue="http")
    for _ in range(2):  # the second changes nothing
        code, body = root.post(f"{HTTP}pause/", {"reason": "the shop is down"})
        assert (code, body["paused"], body["pause_reason"]) == (200, True, "the shop is down")
        assert root.user is not None
        assert body["paused_by"] == root.user.get_username()
        assert body["paused_at"] is not None
    assert Task.objects.get(id=task.id).status == TaskStatus.PENDING
    for _ in range(2):
        code, body = root.post(f"{HTTP}resume/")
        assert (code, body["paused"], body["pause_reason"], body["paused_at"]) == (200, False, None, None)


def test_limits_are_set_one_by_one_and_taken_away(root: Api) -> None:
    queues("http")
    limits = [
        ({"rate_limit": 2.5}, (2.5, None)),
        ({"concurrency_limit": 4}, (2.5, 4)),
        ({}, (2.5, 4)),
        ({"rate_limit": None}, (None, 4)),
        ({"rate_limit": 10, "concurrency_limit": None}, (10.0, None)),
    ]
    for given, expected in limits:
        code, body = root.patch(HTTP, given)
        assert (code, body["rate_limit"], body["concurrency_limit"]) == (200, *expected)
