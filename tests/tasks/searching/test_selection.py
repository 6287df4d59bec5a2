"""Selections: how far they look, how they are ordered, kept and said."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.models import Task
from tasks.searching import InvalidSearch, Selection, selection
from tasks.services import submit_tasks
from tests.tasks.rows import a_task
from tests.tasks.searching.conftest import names

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_payloads_are_searched_in_the_newest_of_what_the_rest_matches(
    root: User, some: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "NEWEST_LOOKED_AT", 2)
    assert names(root, "payload.order_id:42,100") == "d"  # of d and e
    assert names(root, "payload.order_id:42 status:completed,failed") == "ab"
    assert names(root, "payload.order_id:42 queue:default priority:<9") == "b"  # of b and d
    assert names(root, "queue:default") == "abd"
    assert names(root, "duration:>1s") == "d"  # of d and e
    assert names(root, "status:completed,failed", min_duration="1s") == "ab"
    for q, filters in (("payload.order_id:42", {}), ("", {"min_duration": "1s"})):
        assert Selection("tasks", q, filters).notes_for(root) == [
            "Payloads, errors and durations were searched in the newest 2 of what the other words match."
        ]
    assert Selection("dead_letters", "error:timeout").notes_for(root) == [
        "Payloads and errors were searched in the newest 2 of what the other words match."
    ]
    assert Selection("dead_letters", "error:timeout").notes_for(User(username="nobody"))[0] == (
        "Messages of errors were not searched: that needs the permission tasks.view_payload."
    )
    assert Selection("tasks", "status:failed queue:default job").notes_for(root) == []


def test_the_newest_is_exact_where_times_are_equal(root: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "NEWEST_LOOKED_AT", 3)
    now = database.now()
    tasks = [a_task(created_at=now, run_at=now, payload={"n": 1}) for _ in range(5)]
    found = Selection("tasks", "payload.n:1").rows(root)
    assert {row.id for row in found} == {task.id for task in sorted(tasks, key=lambda task: task.id)[2:]}


def test_what_is_listed_by_its_end(root: User) -> None:
    def order(q: str, **filters: str) -> str:
        return Selection("tasks", q, filters).order[0]

    assert order("") == order("status:failed") == order("status:pending,completed") == "-created_at"
    assert (
        order("status:completed") == order("status:Completed,failed") == order("", status="completed") == "-finished_at"
    )
    assert order("-status:completed") == order("status:failed status:completed") == "-created_at"
    assert order("finished:today") == order("", finished_after="2026-01-01") == "-finished_at"


# --- Stored and said --------------------------------------------------------------------------------------------------


def test_a_selection_is_kept_as_json() -> None:
    chosen = Selection("tasks", " status:failed ", {"queue": "http", "type": " "})
    assert chosen.as_json() == {"kind": "tasks", "q": "status:failed", "filters": {"queue": "http"}}
    assert Selection.from_json(chosen.as_json()) == chosen
    assert chosen.in_words() == "tasks with queue http, search status:failed"
    assert Selection("dead_letters").in_words() == "all dead letters"


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"kind": "workers", "q": "", "filters": {}}, {"kind": "tasks", "q": "", "filters": {"a": 1}}],
)
def test_what_is_no_selection_is_said(value: Any) -> None:
    with pytest.raises(InvalidSearch, match="a selection is an object"):
        Selection.from_json(value)


def test_a_name_that_nothing_has_is_said(root: User, some: Any) -> None:
    assert Selection("tasks", "type:http_reqest", {"queue": "htp"}).notes_for(root) == [
        "No installed type is called 'http_reqest'; did you mean http_request?",
        "There is no queue 'htp'; did you mean http?",
    ]


def test_a_time_is_the_same_however_many_zeros_its_row_has(root: User) -> None:
    """The engine's own statements write other texts into SQLite than Django does."""
    submit_tasks([{"type": "sample.noop"}])
    task = Task.objects.get()
    at = task.created_at
    for moment in (at, at.replace(microsecond=0), at.replace(microsecond=120_000)):
        Task.objects.update(created_at=moment)
        if not database.is_postgresql():
            database.count(
                f"UPDATE tasks_task SET created_at = '{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}'"
            )
        for q, number in ((">=", 1), ("<=", 1), (">", 0), ("<", 0), ("", 1)):
            assert (
                Selection("tasks", f"created:{q}{moment.isoformat(timespec='microseconds')}").rows(root).count()
                == number
            )
