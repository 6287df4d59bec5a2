"""Changes to tasks that wait: what can be changed, when, and what is kept of it."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import database
from tasks.exceptions import IllegalTransition, InvalidSubmission, PayloadTooLarge, TaskMissing
from tasks.models import Task, TaskEvent
from tasks.models.task import new_id
from tasks.services import change_priority, clone_task, edit_task, editing, run_now
from tasks.services.submission_form import Submission
from tasks.states import FINAL, WAITING, EventKind, TaskStatus
from tasks.transitions import claim
from tests.tasks.rows import HOLDER, a_task, columns, queues

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus
EDITABLE = sorted(WAITING | {S.QUEUED})
FIXED = sorted(FINAL | {S.PROCESSING})
AHEAD = datetime(2124, 1, 31, 8, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "payload": {"url": "https://b.test/"},
    "name": "another name",
    "queue": "http",
    "priority": 0,
    "tags": ["x"],
    "timeout": 5.5,
    "max_attempts": 7,
    "retry": {"kind": "fixed", "base": 2},
    "on_dependency_failure": "run",
}


@pytest.fixture(autouse=True)
def _queues(db: None) -> None:
    queues("default", "http")


def a_request(status: TaskStatus = S.PENDING, **fields: Any) -> Task:
    return a_task(status, type="http_request", payload={"url": "https://a.test/"}, **fields)


@pytest.mark.parametrize("status", EDITABLE)
def test_everything_that_can_be_changed_is_changed_and_kept_as_an_event(status: TaskStatus, ann: User) -> None:
    task = edit_task(a_request(status).id, GOOD, actor=ann, reason="asked for")
    for name, value in GOOD.items():
        assert getattr(task, name) == (value if name != "retry" else getattr(task, name)), name
    assert (task.retry["kind"], task.retry["base"], task.budget) == ("fixed", 2, 7)
    assert task.status == (S.PENDING if status == S.QUEUED else status)
    event = TaskEvent.objects.get(task_id=task.id)
    assert (event.kind, event.actor_id, event.reason) == (EventKind.EDITED, ann.pk, "asked for")
    assert event.changes is not None
    assert event.changes["priority"] == [5, 0]
    assert set(event.changes) == set(GOOD)
    assert "b.test" not in str(event.changes["payload"])


@pytest.mark.parametrize("status", FIXED)
def test_what_runs_or_has_ended_is_refused_with_its_state(status: TaskStatus) -> None:
    task = a_request(status)
    before = Task.objects.filter(id=task.id).values().get()
    with pytest.raises(IllegalTransition, match=f"a {status} task cannot be edited"):
        edit_task(task.id, {"priority": 1})
    assert Task.objects.filter(id=task.id).values().get() == before
    assert not TaskEvent.objects.exists()


def test_what_is_left_out_stays() -> None:
    task = a_request(name="old", tags=["t"])
    before = columns([task.id])[task.id]
    edit_task(task.id, {"priority": 8})
    after = columns([task.id])[task.id]
    assert {name for name in after if after[name] != before[name]} == {"priority"}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"payload": {"url": 1}}, "payload.url"),
        ({"payload": []}, "payload"),
        ({"priority": 10}, "priority"),
        ({"queue": "nowhere"}, "queue"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"timeout": -1}, "timeout"),
        ({"delay": 1, "run_at": "2030-01-01T00:00:00Z"}, ""),
        ({"type": "sample.noop"}, "type"),
        ({"depends_on": []}, "depends_on"),
        ({"idempotency_key": "x"}, "idempotency_key"),
        ({"status": "completed"}, "status"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], path: str) -> None:
    task = a_request()
    before = Task.objects.filter(id=task.id).values().get()
    with pytest.raises(InvalidSubmission) as caught:
        edit_task(task.id, changes)
    assert [error["attr"] for error in caught.value.errors] == [path]
    assert Task.objects.filter(id=task.id).values().get() == before


def test_a_payload_over_the_limit_is_refused(settings: Any) -> None:
    settings.PAYLOAD_LIMIT = 1024
    with pytest.raises(PayloadTooLarge):
        edit_task(a_request().id, {"payload": {"url": "https://a.test/" + "x" * 2000}})


def test_fewer_attempts_than_were_used_are_refused() -> None:
    task = a_request(S.RETRYING, attempt=3, max_attempts=5)
    with pytest.raises(InvalidSubmission, match="it has failed 3 times already"):
        edit_task(task.id, {"max_attempts": 3})
    assert edit_task(task.id, {"max_attempts": 4}).max_attempts == 4


def test_a_missing_task_is_missing() -> None:
    with pytest.raises(TaskMissing):
        edit_task(new_id(), {"priority": 1})


def test_every_field_of_a_submission_can_be_changed_or_is_refused_with_a_reason() -> None:
    fixed = {"type", "depends_on", "idempotency_key", "compensate"}
    assert set(Submission.model_fields) == set(GOOD) | fixed | {"delay", "run_at"}


class TestTime:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (S.PENDING, S.SCHEDULED), (S.QUEUED, S.SCHEDULED), (S.SCHEDULED, S.SCHEDULED), (S.RETRYING, S.RETRYING),
            (S.BLOCKED, S.BLOCKED),
        ],
    )  # fmt: skip
    def test_a_task_can_be_postponed(self, status: TaskStatus, expected: TaskStatus) -> None:
        task = edit_task(a_request(status).id, {"run_at": AHEAD.isoformat()})
        assert (task.status, task.run_at) == (expected, AHEAD)

    def test_a_delay_counts_from_now_by_the_databases_clock(self) -> None:
        task = edit_task(a_request().id, {"delay": 600})
        assert abs(task.run_at - database.now() - timedelta(seconds=600)) < timedelta(seconds=10)

    @pytest.mark.parametrize("status", [S.SCHEDULED, S.RETRYING])
    def test_a_task_can_be_run_now(self, status: TaskStatus, ann: User) -> None:
        task = a_request(status, run_at=AHEAD)
        assert run_now([task.id], actor=ann).done == [task.id]
        task.refresh_from_db()
        assert task.status == S.PENDING
        assert task.run_at <= database.now()
        assert TaskEvent.objects.get(task_id=task.id).kind == EventKind.HURRIED

    @pytest.mark.parametrize("status", sorted(set(S) - {S.SCHEDULED, S.RETRYING}))
    def test_others_are_skipped_with_the_reason(self, status: TaskStatus) -> None:
        task = a_request(status)
        report = run_now([task.id])
        assert report.done == []
        assert report.skipped[task.id][0] == status


class TestPriority:
    def test_many_are_changed_at_once_and_their_messages_are_void(self) -> None:
        waiting, queued, running = a_request(), a_request(S.QUEUED), a_request(S.PROCESSING)
        report = change_priority([waiting.id, queued.id, running.id], 9)
        assert set(report.done) == {waiting.id, queued.id}
        assert report.skipped == {running.id: ("processing", "")}
        rows = Task.objects.filter(id__in=report.done)
        assert {(row.status, row.priority) for row in rows} == {(S.PENDING, 9)}
        assert not claim([queued.id], queue="default", worker="w", incarnation=HOLDER, lease=30, alone=False)

    def test_many_are_changed_part_by_part_and_only_what_changes_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(editing, "AT_ONCE", 2)
        ids = [a_request().id for _ in range(5)]
        with CaptureQueriesContext(connection) as queries:
            assert set(change_priority(ids, 9).done) == set(ids)
        read = [re.findall(r"SELECT (id, [\w, ]+) FROM tasks_task\b", query["sql"]) for query in queries]
        assert [columns for columns in read if columns] == [["id, status, priority"]] * 3
        events = TaskEvent.objects.filter(kind=EventKind.EDITED)
        assert [event.changes for event in events] == [{"priority": [5, 9]}] * 5

    @pytest.mark.parametrize("priority", [-1, 10])
    def test_what_is_no_priority_is_refused(self, priority: int) -> None:
        with pytest.raises(InvalidSubmission, match="0 to 9"):
            change_priority([a_request().id], priority)


class TestClone:
    @pytest.mark.parametrize("status", sorted(S))
    def test_a_task_in_any_state_can_be_copied(self, status: TaskStatus, ann: User) -> None:
        task = a_request(
            status, name="n", tags=["t"], priority=7, attempt=3, max_attempts=9, budget=4, run_at=AHEAD,
            idempotency_key="k" if status == S.PENDING else None,
        )  # fmt: skip
        copy = Task.objects.get(id=clone_task(task.id, actor=ann).id)
        assert copy.id != task.id
        for name in ("type", "payload", "name", "queue", "priority", "tags", "timeout"):
            assert getattr(copy, name) == getattr(task, name), name
        assert (copy.status, copy.attempt, copy.max_attempts, copy.budget) == (S.PENDING, 0, 4, 4)
        assert (copy.clone_of_id, copy.created_by_id, copy.idempotency_key) == (task.id, ann.pk, None)
        assert TaskEvent.objects.get(task_id=task.id).reason == f"as task {copy.id}"

    def test_changes_are_taken_over(self) -> None:
        copy = Task.objects.get(id=clone_task(a_request().id, {"payload": {"url": "https://c.test/"}}).id)
        assert copy.payload == {"url": "https://c.test/"}

    def test_wrong_changes_are_named(self) -> None:
        with pytest.raises(InvalidSubmission, match="a copy has the type of its original"):
            clone_task(a_request().id, {"type": "sample.noop"})
        with pytest.raises(InvalidSubmission, match=r"payload\.url"):
            clone_task(a_request().id, {"payload": {}})
