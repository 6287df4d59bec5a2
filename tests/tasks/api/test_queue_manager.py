"""All queues together by the API: what they count, by which rule they are overloaded, whether the machinery runs."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import database, selectors
from tasks.leadership import COORDINATOR
from tasks.models import Leadership, Queue
from tasks.services import pause_queue
from tasks.states import TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.desk import a_worker
from tests.tasks.rows import queues, tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]

S = TaskStatus


@pytest.fixture(autouse=True)
def _queues() -> None:
    queues("default", "http")


def test_status_shows_machinery_workers_and_queues(root: Api) -> None:
    code, body = root.get("queue-manager/status/")
    assert code == 200
    assert body["coordinator"] == {
        "leading": False, "holder": None, "term": 0, "broker_answers": None, "broker_error": None,
    }  # fmt: skip
    Leadership.objects.create(
        role=COORDINATOR, holder="here", term=3, expires_at=database.now() + timedelta(seconds=8), broker_error="gone"
    )
    a_worker("one", queues=["default.plain", "http.plain"])
    tasks(2, run_at=database.now() - timedelta(seconds=40))
    body = root.get("queue-manager/status/")[1]
    assert (body["coordinator"]["leading"], body["coordinator"]["broker_answers"]) == (True, False)
    assert body["coordinator"]["broker_error"] == "gone"
    (worker,) = {body["workers"]["processes"], body["in_all"]["processes"]}
    assert body["workers"]["alive"] == 1
    assert worker == next(each["processes"] for each in body["queues"] if each["name"] == "http")
    assert body["in_all"]["depth"] == 2
    assert [each["name"] for each in body["queues"]] == sorted(Queue.objects.values_list("name", flat=True))
    Leadership.objects.update(expires_at=database.now() - timedelta(seconds=8))
    body = root.get("queue-manager/status/")[1]
    assert (body["coordinator"]["leading"], body["coordinator"]["broker_answers"]) == (False, None)


def test_overloaded_says_by_which_rule_and_numbers(root: Api, settings: Any) -> None:
    a_worker("one", queues=["default.plain", "http.plain"])
    tasks(3)
    body = root.get("queue-manager/overloaded/")[1]
    assert body["overloaded"] is False
    assert body["rule"]["depth"] == settings.OVERLOAD_DEPTH
    settings.OVERLOAD_DEPTH = 3
    body = root.get("queue-manager/overloaded/")[1]
    rows = {row["name"]: row for row in body["queues"]}
    assert (body["overloaded"], body["in_all"]["overloaded"], rows["http"]["overloaded"]) == (True, False, False)
    assert rows["default"]["reasons"] == [{"code": "depth", "detail": "3 tasks wait"}]
    assert (rows["default"]["depth"], rows["default"]["never_drains"]) == (3, True)
    assert "3 tasks or more" in body["rule"]["in_words"]
    settings.OVERLOAD_DEPTH_IN_ALL = 3
    pause_queue("default")
    body = root.get("queue-manager/overloaded/")[1]
    rows = {row["name"]: row for row in body["queues"]}
    assert (rows["default"]["paused"], rows["default"]["overloaded"]) == (True, False)
    assert body["in_all"]["reasons"] == [{"code": "depth", "detail": "3 tasks wait"}]


def test_counts(root: Api, dead: Any, monkeypatch: Any) -> None:
    tasks(2, S.FAILED, queue="http")
    tasks(3)
    tasks(1, S.QUEUED, queue="http")
    assert root.get("queue-manager/failed-count/") == (
        200,
        {
            "count": 3, "count_is_capped": False, "by_queue": {"default": 1, "http": 2},
            "open_dead_letters": 1, "open_dead_letters_are_capped": False,
        },
    )  # fmt: skip
    code, body = root.get("queue-manager/pending-count/")
    assert (code, body["count"], body["depth"], body["count_is_capped"]) == (200, 3, 4, False)
    assert body["by_queue"]["default"] == {"count": 3, "count_is_capped": False, "depth": 3}
    assert body["by_queue"]["http"] == {"count": 0, "count_is_capped": False, "depth": 1}
    monkeypatch.setattr(selectors, "COUNT_CAP", 2)
    body = root.get("queue-manager/failed-count/")[1]
    assert (body["count"], body["count_is_capped"]) == (2, True)


def test_a_pause_is_shown_with_what_it_has_not_reached(root: Api) -> None:
    a_worker("one", queues=["http.plain"])
    tasks(2, S.PROCESSING, queue="http")
    assert root.get("queue-manager/queues/http/")[1]["pause"] is None
    pause_queue("http", reason="<b>down</b>")
    tasks(1, S.QUEUED, queue="http")  # marked at that very moment
    body = root.get("queue-manager/queues/http/")[1]
    assert body["states"] == [{"state": "paused", "reason": "<b>down</b>"}]
    assert body["pause"] == {
        "in_force_at_dispatch": False, "in_force_at_claim": True, "still_with_the_broker": 1, "still_running": 2,
    }  # fmt: skip


def test_two_operators_pause_at_once_and_the_first_is_named(root: Api, operator: Api) -> None:
    for api, reason in ((operator, "first"), (root, "second")):
        code, body = api.post("queue-manager/queues/http/pause/", {"reason": reason})
        assert code == 200
        assert operator.user is not None
        assert (body["paused_by"], body["pause_reason"]) == (operator.user.get_username(), "first")


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"rate_limit": "fast"}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"rate_limit": -1}, "rate_limit"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": 1e300}, "rate_limit"),
        ({"concurrency_limit": "4"}, "concurrency_limit"),
        ({"concurrency_limit": 0}, "concurrency_limit"),
        ({"concurrency_limit": -2}, "concurrency_limit"),
        ({"concurrency_limit": 1.5}, "concurrency_limit"),
        ({"concurrency_limit": 2**70}, "concurrency_limit"),
        ({"limit": 3}, "limit"),
    ],
)
def test_what_is_no_limit_is_refused_and_changes_nothing(root: Api, body: Any, attr: str) -> None:
    code, answer = root.patch("queue-manager/queues/http/", body)
    assert (code, [error["attr"] for error in answer["errors"]]) == (400, [attr])
    queue = Queue.objects.get(name="http")
    assert (queue.rate_limit, queue.concurrency_limit) == (None, None)


def test_a_type_tells_whether_an_online_worker_of_its_queue_knows_it(root: Api) -> None:
    def known() -> bool:
        return next(each["known_online"] for each in root.get("task-types/")[1] if each["name"] == "sample.noop")

    assert not known()
    a_worker("one", queues=["http.plain"])
    assert not known()  # of another queue
    a_worker("one", queues=["default.plain"])
    assert known()


@pytest.mark.parametrize("address", ["status", "overloaded", "failed-count", "pending-count"])
def test_more_queues_cost_no_more(root: Api, address: str) -> None:
    counts = []
    for number in (1, 12):
        for each in range(number):
            queues(name := f"q{number}-{each}")
            tasks(2, queue=name)
            Queue.objects.filter(name=name).update(paused=True, paused_by=root.user)
        with CaptureQueriesContext(connection) as queries:
            assert root.get(f"queue-manager/{address}/")[0] == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12
