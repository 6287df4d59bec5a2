"""What the lists show, find and cost."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tasks import database, selectors
from tasks.models import DeadLetter, Queue
from tasks.states import FailureCategory, Outcome, Resolution, TaskStatus

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TASKS = "/admin/tasks/task/"
LETTERS = "/admin/tasks/deadletter/"


def ids(client: Client, address: str) -> list[Any]:
    response = client.get(address)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


class TestCost:
    @pytest.fixture
    def fill(self, make_task: Any, make_attempt: Any, make_dead_letter: Any, make_worker: Any) -> Callable[[int], None]:
        def fill(number: int) -> None:
            for _ in range(number):
                task = make_task(TaskStatus.FAILED)
                make_attempt(task, outcome=Outcome.FAILED)
                make_dead_letter(task)
                make_worker(str(task.pk))
                Queue.objects.create(name=f"q{task.pk}")

        return fill

    @pytest.mark.parametrize("name", ["task", "taskattempt", "deadletter", "queue", "worker"])
    def test_queries_do_not_grow_with_the_rows(self, name: str, root: Client, fill: Callable[[int], None]) -> None:
        address = reverse(f"admin:tasks_{name}_changelist")
        counts = []
        for more in (1, 25):
            fill(more)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                assert root.get(address).status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 10  # queues: their figures are five statements

    @pytest.mark.parametrize("name", ["task", "taskattempt", "deadletter"])
    def test_wide_columns_stay_in_the_database(self, name: str, root: Client, fill: Callable[[int], None]) -> None:
        fill(1)
        with CaptureQueriesContext(connection) as queries:
            root.get(reverse(f"admin:tasks_{name}_changelist"))
        for column in ("payload", "result", "traceback", "body", "x_death"):
            assert not any(f'."{column}"' in query["sql"] for query in queries)

    @pytest.mark.parametrize("name", ["task", "taskattempt", "deadletter"])
    def test_nothing_is_counted_to_its_end(self, name: str, root: Client, fill: Callable[[int], None]) -> None:
        fill(1)
        with CaptureQueriesContext(connection) as queries:
            root.get(reverse(f"admin:tasks_{name}_changelist"))
        counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
        assert len(counts) == 1
        assert f"LIMIT {selectors.COUNT_CAP + 1}" in counts[0]

    def test_the_page_of_a_task_costs_the_same_whatever_it_went_through(
        self, root: Client, make_task: Any, make_attempt: Any
    ) -> None:
        address = reverse("admin:tasks_task_change", args=[(task := make_task()).pk])
        root.get(address)  # Django remembers content types from the first page on
        counts = []
        for numbers in (range(1, 2), range(2, 60)):
            for number in numbers:
                make_attempt(task, number)
            with CaptureQueriesContext(connection) as queries:
                assert root.get(address).status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_counting_ends_at_the_cap_and_says_so(self, root: Client, make_task: Any, monkeypatch: Any) -> None:
        for _ in range(4):
            make_task()
        assert "more than" not in root.get(TASKS).content.decode()
        monkeypatch.setattr(selectors, "COUNT_CAP", 3)
        response = root.get(TASKS)
        assert " ".join(response.content.decode().split()).count("more than 3 tasks") == 1
        assert response.context["cl"].result_count == 3

    def test_pages_end_with_the_count(self, root: Client, make_task: Any) -> None:
        for _ in range(51):
            make_task()
        assert len(ids(root, f"{TASKS}?p=2")) == 1
        assert root.get(f"{TASKS}?p=99").status_code == 302


class TestTasks:
    def test_the_newest_is_first(self, root: Client, make_task: Any) -> None:
        now = database.now()
        old, new = make_task(created_at=now - timedelta(days=1)), make_task(created_at=now)
        assert ids(root, TASKS) == [new.pk, old.pk]

    def test_a_row_shows_its_facts(self, root: Client, make_task: Any) -> None:
        make_task(TaskStatus.PROCESSING, name="Nightly export", priority=7, attempt=4, uncounted=2, max_attempts=3)
        text = root.get(TASKS).content.decode()
        for word in ("Processing", "Nightly export", "http_request", ">7<", "2/3", "1 min ago", "w@here"):
            assert word in text

    def test_filters(self, root: Client, make_task: Any) -> None:
        failed = make_task(TaskStatus.FAILED)
        clean = make_task(type="cleanup", queue="default")
        assert ids(root, f"{TASKS}?status=failed") == ids(root, f"{TASKS}?status__exact=FAILED") == [failed.pk]
        assert ids(root, f"{TASKS}?type=cleanup") == [clean.pk]
        assert ids(root, f"{TASKS}?queue=http") == [failed.pk]
        assert ids(root, f"{TASKS}?queue=http&type=cleanup") == []
        assert ids(root, f"{TASKS}?type=never.installed") == []

    def test_filters_offer_what_is_installed(self, root: Client) -> None:
        Queue.objects.create(name="reports")
        text = root.get(TASKS).content.decode()
        for choice in ("?type=http_request", "?type=cleanup", "?queue=reports", "?status=retrying"):
            assert choice in text
        for choice in ('<option value="7"', '<option value="http_5xx"', 'name="worker"', 'name="finished_before"'):
            assert choice in text

    def test_search_finds_by_the_whole_id(self, root: Client, make_task: Any) -> None:
        task, _ = make_task(), make_task()
        assert ids(root, f"{TASKS}?q={task.pk}") == [task.pk]
        assert ids(root, f"{TASKS}?q=%20{task.pk.hex.upper()}%20") == [task.pk]
        assert ids(root, f"{TASKS}?q={uuid.uuid4()}") == []

    def test_search_takes_the_grammar(self, root: Client, make_task: Any) -> None:
        export, other = make_task(name="Nightly export"), make_task(TaskStatus.FAILED, payload={"order_id": 42})
        assert ids(root, f"{TASKS}?q=export") == [export.pk]
        assert ids(root, f"{TASKS}?q=status:failed+payload.order_id:42&queue=http") == [other.pk]
        assert ids(root, f"{TASKS}?q=status:failed&queue=data") == []
        assert "newest 100,000" in root.get(f"{TASKS}?q=payload.order_id:42").content.decode()


class TestAttempts:
    def test_rows_and_search(self, root: Client, make_task: Any, make_attempt: Any) -> None:
        task, other = make_task(name="Nightly export"), make_task()
        lost = make_attempt(task, 1, Outcome.LOST, error_class="WorkerLost", error_message="gone\nfor good")
        done = make_attempt(task, 2)
        make_attempt(other)
        address = reverse("admin:tasks_taskattempt_changelist")
        assert ids(root, f"{address}?q={task.pk}") == [done.pk, lost.pk]
        assert ids(root, f"{address}?outcome__exact=lost") == [lost.pk]
        text = root.get(address).content.decode()
        assert "WorkerLost: gone …" in text
        assert "Nightly export" in text
        assert reverse("admin:tasks_task_change", args=[task.pk]) in text

    def test_a_page(self, root: Client, make_task: Any, make_attempt: Any) -> None:
        attempt = make_attempt(make_task(), result={"answer": 42})
        text = root.get(reverse("admin:tasks_taskattempt_change", args=[attempt.pk])).content.decode()
        assert "&quot;answer&quot;: 42" in text
        assert "2 s" in text


class TestDeadLetters:
    @pytest.fixture
    def letters(self, make_task: Any, make_dead_letter: Any) -> list[DeadLetter]:
        now = database.now()
        return [
            make_dead_letter(make_task(TaskStatus.FAILED)),
            make_dead_letter(
                make_task(type="cleanup", queue="default"),
                category=FailureCategory.TIMEOUT,
                resolution=Resolution.REPROCESSED,
                resolved_at=now,
                created_at=now - timedelta(hours=1),
            ),
            make_dead_letter(None, body="not json", created_at=now - timedelta(hours=2)),
        ]

    def test_filters(self, root: Client, letters: list[DeadLetter]) -> None:
        dead, reprocessed, garbage = (letter.pk for letter in letters)
        assert ids(root, LETTERS) == [dead, reprocessed, garbage]
        assert ids(root, f"{LETTERS}?resolution=open") == [dead, garbage]
        assert ids(root, f"{LETTERS}?resolution=reprocessed") == [reprocessed]
        assert ids(root, f"{LETTERS}?category__exact=timeout") == [reprocessed]
        assert ids(root, f"{LETTERS}?type=http_request") == [dead]

    def test_search_takes_both_ids(self, root: Client, letters: list[DeadLetter]) -> None:
        assert ids(root, f"{LETTERS}?q={letters[0].pk}") == [letters[0].pk]
        assert ids(root, f"{LETTERS}?q={letters[1].task_id}") == [letters[1].pk]

    def test_a_message_without_a_task_is_shown_as_it_came(self, root: Client, letters: list[DeadLetter]) -> None:
        text = root.get(reverse("admin:tasks_deadletter_change", args=[letters[2].pk])).content.decode()
        assert "Message as it came" in text
        assert "not json" in text
        assert "Message as it came" not in root.get(f"{LETTERS}{letters[0].pk}/change/").content.decode()


class TestWorkers:
    def test_alive_is_who_beat_lately_by_the_clock_of_the_database(
        self, root: Client, make_worker: Any, settings: Any
    ) -> None:
        settings.WORKER_ONLINE_SECONDS = 15
        make_worker("fresh", seconds_ago=5)
        make_worker("quiet", seconds_ago=12)
        make_worker("late", seconds_ago=20)
        make_worker("done", seconds_ago=3, stopped_at=database.now())
        rows = root.get(reverse("admin:tasks_worker_changelist")).context["cl"].result_list
        assert {row.name: row.state for row in rows} == {
            "fresh": "alive", "quiet": "suspected", "late": "gone", "done": "stopped",
        }  # fmt: skip

    def test_a_page(self, root: Client, make_worker: Any) -> None:
        make_worker("http@host", last_task_at=database.now())
        text = root.get(reverse("admin:tasks_worker_change", args=["http@host"])).content.decode()
        for word in ("Alive", "http (async)", "http_request", "1.2 s"):
            assert word in text


class TestQueues:
    def test_a_row_says_who_serves_it(self, root: Client, make_worker: Any) -> None:
        make_worker("a", processes=3)
        make_worker("b", processes=2, seconds_ago=3600)
        rows = root.get(reverse("admin:tasks_queue_changelist")).context["cl"].result_list
        assert {row.name: row.face.kinds for row in rows}["http"] == "async"
        assert {row.name: row.face.kinds for row in rows}["data"] == ""
