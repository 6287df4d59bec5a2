"""How rows come to be: the same row whichever way it takes, and one task for each idempotency key."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.models import Task
from tasks.states import TaskStatus
from tasks.transitions import NewTask, copy_in, insert
from tests.tasks.rows import a_new_task, columns

pytestmark = [pytest.mark.database, pytest.mark.django_db]

WAYS = [
    pytest.param(insert, id="insert"),
    pytest.param(copy_in, id="copy", marks=pytest.mark.broker),  # PostgreSQL only
]
Way = Callable[[list[NewTask]], Any]
AHEAD = datetime(2100, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@pytest.mark.parametrize("store", WAYS)
def test_a_row_says_what_was_submitted_and_starts_empty(store: Way) -> None:
    task = a_new_task(
        type="sample.echo", name='a "name" \t ä \\N', queue="http", priority=9, payload='{"n":[1,2.5,null],"t":"ä\\n"}',
        payload_bytes=30, tags=["x", 'y"'], timeout=2.5, retry={"kind": "fixed", "base": 1.5}, max_attempts=4, budget=4,
        run_at=AHEAD, idempotency_hash="f" * 64,
    )  # fmt: skip
    store([task])
    row = columns([task.id])[task.id]
    assert abs(row.pop("created_at") - database.now()) < timedelta(seconds=5)
    assert row == {
        "id": task.id, "type": "sample.echo", "name": 'a "name" \t ä \\N', "queue": "http", "priority": 9,
        "status": TaskStatus.SCHEDULED, "payload": {"n": [1, 2.5, None], "t": "ä\n"}, "payload_bytes": 30,
        "tags": ["x", 'y"'], "timeout": 2.5, "retry": {"kind": "fixed", "base": 1.5}, "max_attempts": 4, "budget": 4,
        "attempt": 0, "uncounted": 0, "run_at": AHEAD, "queued_at": None, "started_at": None, "finished_at": None,
        "lease_expires_at": None, "worker": "", "incarnation": None, "alone": False, "suspect": False, "losses": 0,
        "returns": 0, "cancel_requested_at": None, "progress": None, "progress_text": "", "created_by_id": None,
        "idempotency_key": None, "idempotency_hash": "f" * 64, "parked": "", "parked_at": None, "unmet": 0,
        "has_dependents": False, "on_dependency_failure": "fail", "unsettled": False, "compensates_id": None,
        "compensation": None, "clone_of_id": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"delay": 60.0},
        {"run_at": AHEAD, "tags": ["x"], "payload": '{"n":[1,null]}', "idempotency_key": "k"},
        {"unmet": 1, "compensation": '{"type":"sample.noop","payload":{}}', "compensates_id": uuid.uuid4()},
    ],
    ids=["plain", "delay", "more", "all"],
)
def test_what_is_known_of_a_row_without_reading_it_is_what_reading_it_finds(fields: dict[str, Any]) -> None:
    task = a_new_task(**fields)
    known = insert([task])[task.id].as_task()
    columns = [field.attname for field in Task._meta.concrete_fields]
    read = Task.objects.get()
    assert {name: getattr(known, name) for name in columns} == {name: getattr(read, name) for name in columns}


@pytest.mark.parametrize("store", WAYS)
@pytest.mark.parametrize(
    ("fields", "status", "due_in"),
    [
        ({}, TaskStatus.PENDING, 0),
        ({"delay": 60.0}, TaskStatus.SCHEDULED, 60),
        ({"run_at": AHEAD}, TaskStatus.SCHEDULED, None),
        ({"run_at": datetime(2020, 1, 1, tzinfo=UTC)}, TaskStatus.PENDING, None),
    ],
    ids=["at once", "delay", "run_at", "run_at in the past"],
)
def test_a_task_is_due_when_it_was_asked_for(
    store: Way, fields: dict[str, Any], status: TaskStatus, due_in: int | None
) -> None:
    store([a_new_task(**fields)])
    task = Task.objects.get()
    assert task.status == status
    if due_in is None:
        assert task.run_at == fields["run_at"]
    else:
        assert abs(task.run_at - task.created_at - timedelta(seconds=due_in)) < timedelta(milliseconds=5)


@pytest.mark.parametrize("store", WAYS)
def test_many_are_stored_by_one_statement(store: Way, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(1 if store is insert else 2):  # COPY asks for the time first
        store([a_new_task(tags=[str(number)]) for number in range(300)])
    assert Task.objects.count() == 300


def test_a_key_that_is_taken_stores_nothing_and_the_others_are_stored() -> None:
    first, again, other = (a_new_task(idempotency_key=key) for key in ("a", "a", "b"))
    assert set(insert([first])) == {first.id}
    assert set(insert([again, other])) == {other.id}
    assert set(Task.objects.values_list("id", flat=True)) == {first.id, other.id}


def test_of_two_equal_keys_in_one_list_one_is_stored() -> None:
    assert len(insert([a_new_task(idempotency_key="a") for _ in range(2)])) == 1


def test_each_submitter_has_keys_of_its_own() -> None:
    users: list[int | None] = [User.objects.create_user(name).pk for name in ("ann", "bob")]
    for owner in [*users, None]:
        assert len(insert([a_new_task(idempotency_key="a", created_by_id=owner)])) == 1
        assert insert([a_new_task(idempotency_key="a", created_by_id=owner)]) == {}
