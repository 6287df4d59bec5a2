"""The figures of queues: what they count, what they cost, and what they do not pretend to know."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import database, flow, queue_figures, selectors, task_figures
from tasks.models import Queue, Task
from tasks.queue_figures import QueueFigures
from tasks.states import Kind, TaskStatus
from tests.tasks.desk import a_worker
from tests.tasks.rows import a_task, queues, tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]

S = TaskStatus


@pytest.fixture(autouse=True)
def _queues() -> None:
    queues("default", "http")


def read(name: str = "default") -> QueueFigures:
    return queue_figures.figures_of(Queue.objects.all())[name]


def ago(seconds: float) -> Any:
    return database.now() - timedelta(seconds=seconds)


class TestCounts:
    def test_each_status_of_each_queue_is_counted(self) -> None:
        for number, status in enumerate(S, start=1):
            tasks(number, status)
            tasks(1, status, queue="http")
        tasks(2, parked="no worker")
        here, there = read(), read("http")
        expected = {status.value: number for number, status in enumerate(S, start=1)}
        for status in (S.COMPLETED, S.FAILED, S.CANCELLED):
            del expected[status]
        expected[S.PENDING] += 2
        assert here.counts == {**expected, "parked": 2}
        assert set(there.counts.values()) == {0, 1}
        assert (here.depth, here.running, here.under_way) == (
            expected[S.PENDING] + expected[S.QUEUED],
            expected[S.PROCESSING],
            expected[S.QUEUED] + expected[S.PROCESSING],
        )
        assert not here.at_least

    def test_counting_ends_at_the_cap_and_says_where(self, monkeypatch: Any, settings: Any) -> None:
        monkeypatch.setattr(selectors, "COUNT_CAP", 3)
        settings.OVERLOAD_DEPTH = settings.OVERLOAD_DEPTH_IN_ALL = 3
        tasks(2)
        tasks(2, parked="no worker")
        tasks(3, S.QUEUED)
        tasks(4, S.PROCESSING)
        tasks(5, S.SCHEDULED, queue="http")
        figures = read()
        assert figures.counts | {"parked": 0} == {
            S.PENDING: 3, S.QUEUED: 3, S.PROCESSING: 3, S.SCHEDULED: 0, S.RETRYING: 0, S.BLOCKED: 0, "parked": 0,
        }  # fmt: skip
        assert figures.at_least == {S.PENDING, S.PROCESSING, S.SCHEDULED, S.RETRYING}
        assert figures.depth_is_capped

    def test_the_oldest_is_what_has_been_due_longest_of_any_priority(self) -> None:
        assert read().oldest_seconds is None
        a_task(run_at=ago(5), priority=9)
        a_task(run_at=ago(60), priority=1)
        a_task(S.SCHEDULED, run_at=ago(500))
        assert read().oldest_seconds == pytest.approx(60, abs=3)
        a_task(S.QUEUED, run_at=ago(90), priority=3)
        assert read().oldest_seconds == pytest.approx(90, abs=3)
        assert read("http").oldest_seconds is None

    def test_processes_are_those_of_online_workers_by_kind(self) -> None:
        a_worker("one", queues=["default.plain", "default.async", "http.async"])
        a_worker("two", queues=["default.plain"])
        here, there = read(), read("http")
        assert here.processes == {Kind.PLAIN: 4, Kind.ASYNC: 2}
        assert here.listening == 4  # one of them listens to both kinds
        assert (there.processes, there.listening) == ({Kind.ASYNC: 2}, 2)

    def test_sums_are_those_of_the_queues(self) -> None:
        tasks(2)
        tasks(3, queue="http", run_at=ago(30))
        picture = queue_figures.picture()
        assert picture.whole.depth == sum(each.depth for each in picture.figures) == 5
        assert picture.whole.oldest_seconds == pytest.approx(30, abs=3)


class TestFlow:
    def test_rates_are_of_the_last_five_minutes(self) -> None:
        tasks(6, S.COMPLETED, created_at=ago(400), finished_at=ago(200))
        tasks(3, created_at=ago(10))
        tasks(7, S.COMPLETED, created_at=ago(900), finished_at=ago(301))
        figures = read()
        assert (figures.in_per_second, figures.out_per_second) == (3 / 300, 6 / 300)
        assert figures.drain_seconds == pytest.approx(3 / (6 / 300))

    def test_a_queue_that_was_idle_until_a_minute_ago_is_not_slow(self) -> None:
        tasks(9, S.COMPLETED, created_at=ago(900), finished_at=ago(20))
        assert read().out_per_second == 9 / 300  # too few to judge by a minute
        tasks(21, S.COMPLETED, created_at=ago(900), finished_at=ago(20))
        tasks(6, S.COMPLETED, created_at=ago(900), finished_at=ago(100))
        assert read().out_per_second == 30 / 60

    def test_what_took_no_worker_is_no_work(self) -> None:
        tasks(5, S.CANCELLED, created_at=ago(900))
        tasks(5, S.FAILED, created_at=ago(900), started_at=None, worker="", attempt=0)
        tasks(2, S.FAILED, created_at=ago(900))
        assert (read().out_per_second, read().failed) == (2 / 300, 2)

    def test_where_nothing_goes_out_it_never_drains(self) -> None:
        assert (read().drain_seconds, read().never_drains) == (0.0, False)
        tasks(1)
        assert (read().drain_seconds, read().never_drains) == (None, True)

    def test_a_sample_that_is_cut_says_nothing_of_a_queue_that_is_not_in_it(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(flow, "SAMPLE", 4)
        tasks(1, S.COMPLETED, queue="http", created_at=ago(900), finished_at=ago(60))
        tasks(6, S.COMPLETED, created_at=ago(900), finished_at=ago(2))
        tasks(1, queue="http", created_at=ago(900))
        assert read().out_per_second == pytest.approx(2, rel=0.3)  # four in two seconds
        there = read("http")
        assert (there.out_per_second, there.drain_seconds, there.never_drains) == (None, None, False)


class TestCost:
    def test_more_queues_and_rows_take_no_more_statements(self) -> None:
        counts = []
        for number in (1, 15):
            for each in range(number):
                queues(name := f"q{number}-{each}")
                tasks(3, queue=name)
                a_worker(name, queues=[f"{name}.plain"])
            with CaptureQueriesContext(connection) as queries:
                queue_figures.picture()
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 7

    @pytest.mark.parametrize("analyzed", [False, True])
    def test_no_statement_reads_more_of_a_full_table_than_the_cap(
        self, analyzed: bool, monkeypatch: Any, settings: Any
    ) -> None:
        """The same holds for a million rows: only what the cap lets through is read, off partial indexes."""
        monkeypatch.setattr(selectors, "COUNT_CAP", 50)
        monkeypatch.setattr(flow, "SAMPLE", 50)
        settings.OVERLOAD_DEPTH = settings.OVERLOAD_DEPTH_IN_ALL = 50
        for status in (S.PENDING, S.COMPLETED, S.FAILED):
            tasks(100, status, created_at=ago(5))
        multiply(30)
        tasks(200, S.SCHEDULED)
        if analyzed:
            database.run("ANALYZE tasks_task")
        with CaptureQueriesContext(connection) as queries:
            queue_figures.picture()
            task_figures.counts_by_status_and_queue(queue_figures.counts_of(Queue.objects.all()).values())
            task_figures.counts_by_type()
            task_figures.failed_by_queue()
            task_figures.ended_since(ago(60))
        statements = [query["sql"] for query in queries if re.search(r"\btasks_task\b", query["sql"])]
        assert len(statements) >= 8
        for statement in statements:
            if database.is_postgresql():
                assert rows_read(statement) <= {51, 50} | set(range(50)), statement
            else:
                assert table_scans(statement) == [], statement


def multiply(times: int) -> None:
    """Makes so many of each task."""
    others = ", ".join(f'"{column.column}"' for column in Task._meta.local_fields if column.column != "id")
    new_id = "gen_random_uuid()" if database.is_postgresql() else "lower(hex(randomblob(16)))"
    copies = " UNION ALL ".join(["SELECT 1 AS copy"] * (times - 1))
    database.run(f"INSERT INTO tasks_task (id, {others}) SELECT {new_id}, {others} FROM tasks_task, ({copies}) AS c")


def rows_read(statement: str) -> set[int]:
    """Returns how many rows each scan of tasks has given at each of its loops (PostgreSQL).

    Without statistics it may read the whole of the small partial index of what waits for its time.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        found = cursor.fetchone()[0]
    found = json.loads(found) if isinstance(found, str) else found
    read, rest = set(), [found[0]["Plan"]]
    while rest:
        node = rest.pop()
        if node.get("Relation Name") == "tasks_task" and node["Node Type"] != "Bitmap Heap Scan":
            assert node["Node Type"] != "Seq Scan", node
            read.add(round(node["Actual Rows"]))
        rest += node.get("Plans", [])
    return read


def table_scans(statement: str) -> list[str]:
    """Returns the steps that go through the table itself and not an index (SQLite)."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        steps = [row[3] for row in cursor.fetchall()]
    # An index may be read from one end as far as the limit, but not that of the types for want of a better one.
    return [step for step in steps if re.match(r"SCAN tasks_task(?! USING)|SCAN .* task_type_created", step)]


def test_stats_agree_with_the_table(monkeypatch: Any) -> None:
    for number, status in enumerate(S, start=1):
        tasks(
            number, status, type="cleanup" if number % 2 else "sample.noop", queue="http" if number > 4 else "default"
        )
    unfinished = queue_figures.counts_of(Queue.objects.all()).values()
    by_status, by_queue = task_figures.counts_by_status_and_queue(unfinished)
    total = Task.objects.count()
    assert by_status.numbers == {"total": total} | {status.value: n for n, status in enumerate(S, start=1)}
    assert {name: n for name, n in by_queue.numbers.items() if n} == {"default": 10, "http": 35}
    assert task_figures.counts_by_type().numbers == {"cleanup": 25, "sample.noop": 20}
    assert (by_status.at_least, by_queue.at_least) == ([], [])
    monkeypatch.setattr(selectors, "COUNT_CAP", 7)
    by_status, by_queue = task_figures.counts_by_status_and_queue(unfinished)
    assert set(by_status.at_least) >= {"total", S.COMPLETED, S.FAILED, S.CANCELLED}
    assert by_status.numbers["total"] == by_status.numbers[S.FAILED] == 7
    assert "http" in by_queue.at_least
    assert task_figures.counts_by_type().at_least == ["cleanup", "sample.noop"]


def test_what_ended_today_is_counted_and_what_failed_is_not_lost_among_it(monkeypatch: Any) -> None:
    tasks(4, S.COMPLETED)
    tasks(2, S.FAILED, created_at=ago(3_000), finished_at=ago(10))
    tasks(1, S.FAILED, created_at=ago(3_000), finished_at=ago(2_000))
    assert task_figures.ended_since(ago(60)).numbers == {S.COMPLETED: 4, S.FAILED: 2}
    monkeypatch.setattr(selectors, "COUNT_CAP", 3)
    counts = task_figures.ended_since(ago(60))
    assert counts.numbers == {S.COMPLETED: 3, S.FAILED: 2}
    assert counts.at_least == [S.COMPLETED]
