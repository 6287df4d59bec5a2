"""The dispatcher on the embedded broker's real files: what gets a message, in which order, and how much."""

import uuid
from datetime import timedelta
from typing import Any

import pytest

from tasks import database
from tasks.publishing import FilesPublisher
from tasks.states import TaskStatus
from tasks.windows import EMBEDDED_WINDOW
from tests.tasks.desk import ECHO, NOOP, Desk, a_worker, count
from tests.tasks.rows import a_task, tasks

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus


# --- Who gets a message -----------------------------------------------------------------------------------------------


def test_a_task_is_marked_and_sent(desk: Desk) -> None:
    a_worker()
    task = a_task()
    assert desk.turn()
    assert desk.received() == [([task.id], 5, False)]
    task.refresh_from_db()
    assert task.status == S.QUEUED
    assert task.queued_at is not None
    assert not desk.turn()


def test_what_falls_due_is_sent_and_what_does_not_waits(desk: Desk) -> None:
    a_worker()
    now = database.now()
    due = [a_task(status, run_at=now - timedelta(seconds=1)).id for status in (S.SCHEDULED, S.RETRYING)]
    a_task(S.SCHEDULED, run_at=now + timedelta(seconds=60))
    desk.turn()
    assert sorted(each for ids, _, _ in desk.received() for each in ids) == sorted(due)
    assert count(S.SCHEDULED) == 1


@pytest.mark.parametrize(
    "worker",
    [
        None,
        {"queues": ["http.plain"]},
        {"types": {ECHO: "plain"}},
        {"types": {NOOP: "async"}, "queues": ["default.plain"]},
        {"heartbeat_at": "2020-01-01T00:00:00Z"},
        {"stopped_at": "2020-01-01T00:00:00Z"},
    ],
    ids=["no worker", "another queue", "another type", "another kind", "offline", "stopped"],
)
def test_what_nobody_can_execute_stays_in_the_database(desk: Desk, worker: dict[str, Any] | None) -> None:
    if worker is not None:
        a_worker(**worker)
    tasks(3, type=NOOP)
    desk.turn()
    assert not desk.turn()
    assert count(S.PENDING) == 3
    assert desk.received() == []


def test_an_unknown_type_does_not_hold_up_the_others(desk: Desk) -> None:
    a_worker()
    tasks(5, type="nobody.knows", priority=9)
    [known] = tasks(1, priority=0)
    desk.turn()
    assert [ids for ids, _, _ in desk.received()] == [[known]]
    assert count(S.PENDING) == 5


def test_each_kind_travels_on_its_own_line(desk: Desk) -> None:
    a_worker()
    [plain], [coroutine] = tasks(1), tasks(1, type="sample.async_noop")
    desk.turn()
    assert [ids for ids, _, _ in desk.received("default.plain")] == [[plain]]
    assert [ids for ids, _, _ in desk.received("default.async")] == [[coroutine]]


# --- In which order and which chunks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("room", [10, 2])
def test_the_urgent_are_sent_first_and_then_the_longest_due(desk: Desk, room: int) -> None:
    a_worker(processes=room // 2)
    now = database.now()
    made = [
        a_task(priority=priority, run_at=now - timedelta(seconds=age)).id
        for priority, age in ((0, 9), (9, 1), (5, 1), (9, 2), (5, 3))
    ]
    desk.turn()
    assert [(ids[0], priority) for ids, priority, _ in desk.received()] == [
        (made[3], 9), (made[1], 9), (made[4], 5), (made[2], 5), (made[0], 0),
    ][:room]  # fmt: skip


@pytest.mark.parametrize(
    ("mean", "most"),
    [(None, 1), (10_000.0, 1), (60.0, 1), (10.0, 10), (1.0, 100), (0.01, 200)],
    ids=["unknown", "10 s", "60 ms", "10 ms", "1 ms", "10 us"],
)
def test_a_chunk_is_a_tenth_of_a_second_of_work(desk: Desk, mean: float | None, most: int) -> None:
    a_worker(means={} if mean is None else {NOOP: mean})
    ids = tasks(most * 2 + 1)
    desk.turn()
    assert [found for found, _, _ in desk.received()] == [ids[:most], ids[most : most * 2], ids[most * 2 :]]


def test_a_chunk_of_coroutines_fills_the_places_of_a_process(desk: Desk, settings: Any) -> None:
    settings.COROUTINES_PER_PROCESS = 30
    a_worker(means={"sample.async_noop": 200.0})
    tasks(20, type="sample.async_noop")
    desk.turn()
    assert [len(ids) for ids, _, _ in desk.received("default.async")] == [15, 5]


def test_a_chunk_is_of_one_type_and_one_priority(desk: Desk) -> None:
    a_worker(means={NOOP: 1.0, ECHO: 1.0}, processes=5)
    made: dict[tuple[str, int], list[uuid.UUID]] = {}
    for _ in range(3):
        for type_name in (NOOP, ECHO):
            for priority in (2, 8):
                made.setdefault((type_name, priority), []).append(a_task(type=type_name, priority=priority).id)
    desk.turn()
    found = desk.received()
    assert sorted(ids for ids, _, _ in found) == sorted(made.values())
    assert [priority for _, priority, _ in found] == [8, 8, 2, 2]


def test_a_chunk_brings_a_worker_no_more_than_a_mebibyte(desk: Desk) -> None:
    a_worker(means={NOOP: 0.1})
    tasks(5, payload_bytes=450_000)
    desk.turn()
    assert [len(ids) for ids, _, _ in desk.received()] == [2, 2, 1]


def test_a_suspect_travels_alone_and_says_so(desk: Desk) -> None:
    a_worker(means={NOOP: 1.0}, processes=5)
    innocent = tasks(2)
    suspects = tasks(2, suspect=True)
    innocent += tasks(2)
    desk.turn()
    assert sorted(desk.received()) == sorted([(innocent, 5, False), *[([each], 5, True) for each in suspects]])


# --- How much -----------------------------------------------------------------------------------------------------


def test_no_more_is_sent_than_the_workers_can_soon_take(desk: Desk) -> None:
    a_worker(processes=3)
    tasks(50)
    desk.turn()
    assert count(S.QUEUED) == 6
    assert not desk.turn()
    desk.dispatcher._windows._rates.clear()  # all is quiet
    assert len(desk.received(most=3)) == 3  # as many as there are processes are left: that will do
    assert not desk.turn()
    desk.received(most=1)
    assert desk.turn()
    assert count(S.QUEUED) == 10


def test_the_quicker_the_workers_are_the_more_is_sent_ahead(desk: Desk) -> None:
    a_worker(processes=3)
    tasks(200)
    ahead = []
    for _ in range(5):
        desk.turn()
        ahead.append(len(desk.received()))
    assert ahead[0] == 6
    assert ahead[1] > 6
    assert ahead == sorted(ahead)


def test_the_window_of_files_is_small_because_each_look_lists_them_all(desk: Desk) -> None:
    a_worker(processes=200)
    tasks(EMBEDDED_WINDOW + 10)
    desk.turn()
    assert count(S.QUEUED) == EMBEDDED_WINDOW


@pytest.mark.parametrize("waiting", [10, 300])
def test_a_turn_costs_the_same_statements_whatever_waits(
    desk: Desk, waiting: int, django_assert_num_queries: Any
) -> None:
    a_worker(queues=["default.plain"], means={NOOP: 1.0})
    tasks(1)
    desk.turn()  # connects
    tasks(waiting)
    # Promote, workers (two), queues with their rules and heads, ageing or what is next, the mark.
    with django_assert_num_queries(6):
        assert desk.turn()


def test_the_broker_is_not_asked_while_what_was_sent_is_not_enough(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    a_worker(processes=3, queues=["default.plain"])
    asked: list[str] = []
    depth = FilesPublisher.depth

    def count_and_ask(publisher: FilesPublisher, name: str) -> tuple[int, int] | None:
        asked.append(name)
        return depth(publisher, name)

    monkeypatch.setattr(FilesPublisher, "depth", count_and_ask)
    seen = []
    for _ in range(6):
        tasks(1)
        assert desk.turn()
        desk.received()
        desk.dispatcher._windows._rates.clear()  # all is quiet
        seen.append(len(asked))
    assert seen == [1, 1, 1, 2, 2, 2]


def test_woken_by_a_submit_it_sends_that_before_it_does_anything_else(
    desk: Desk, django_assert_num_queries: Any
) -> None:
    a_worker(queues=["default.plain"])
    tasks(1)
    desk.turn()  # connects
    desk.received()
    assert not desk.turn()
    [late] = tasks(1, S.SCHEDULED, run_at=database.now() - timedelta(seconds=1))
    [task_id] = tasks(1)
    with django_assert_num_queries(3):  # queues with their rules and heads, what is next, the mark
        assert desk.dispatcher.turn(desk.lead.term() or 0, woken=True)
    assert [ids for ids, _, _ in desk.received()] == [[task_id]]
    assert desk.turn()
    assert [ids for ids, _, _ in desk.received()] == [[late]]
