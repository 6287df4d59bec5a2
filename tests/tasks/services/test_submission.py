"""What a submission stores: each option, and the defaults of the type."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tasks import database, registry
from tasks.models import Task
from tasks.services import submit_given, submit_task, submit_tasks
from tasks.states import TaskStatus

pytestmark = [pytest.mark.django_db, pytest.mark.database]

HOUR = timedelta(hours=1)


def stored(**options: Any) -> Task:
    submitted = submit_task(**{"type": "sample.noop", **options})
    assert submitted.created
    return Task.objects.get(id=submitted.id)


def test_the_least_submission_takes_everything_from_its_type() -> None:
    before = database.now()
    task = stored(type="http_request", payload={"url": "https://example.com"})
    after = database.now()
    of_type = registry.get("http_request")
    assert (task.type, task.queue, task.timeout) == ("http_request", of_type.queue, of_type.timeout)
    assert task.max_attempts == task.budget == of_type.max_attempts
    assert task.retry == of_type.retry.model_dump(mode="json")
    assert (task.name, task.priority, task.tags, task.payload) == ("", 5, [], {"url": "https://example.com"})
    assert (task.status, task.attempt, task.uncounted, task.created_by) == (TaskStatus.PENDING, 0, 0, None)
    assert before <= task.created_at <= task.run_at <= after
    assert (task.queued_at, task.started_at, task.finished_at, task.idempotency_key) == (None, None, None, None)
    assert task.payload_bytes == len(b'{"url":"https://example.com"}')


def test_every_option_is_stored() -> None:
    retry = {"kind": "linear", "base": 2, "max": 60, "jitter": False}
    task = stored(
        payload={"a": [1, 2.5, None, {"ä": "😀"}]}, name="Größe", queue="data", priority=9, max_attempts=7,
        timeout=0.5, retry=retry, tags=["red", " two words "], idempotency_key="k",
    )  # fmt: skip
    assert task.payload == {"a": [1, 2.5, None, {"ä": "😀"}]}
    assert (task.name, task.queue, task.priority, task.timeout) == ("Größe", "data", 9, 0.5)
    assert task.max_attempts == task.budget == 7
    assert task.retry == {"factor": 2.0, **retry}
    assert (task.tags, task.idempotency_key) == (["red", "two words"], "k")


@pytest.mark.parametrize("priority", range(10))
def test_priority_zero_is_a_priority(priority: int) -> None:
    assert stored(priority=priority).priority == priority


def test_a_delay_is_counted_by_the_databases_clock() -> None:
    task = stored(delay=3600)
    assert task.status == TaskStatus.SCHEDULED
    assert abs(task.run_at - task.created_at - HOUR) < timedelta(seconds=1)


def test_no_delay_at_all_is_due_at_once() -> None:
    assert stored(delay=0).status == TaskStatus.PENDING


def test_a_time_ahead_is_waited_for() -> None:
    run_at = datetime(2124, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
    for given in (run_at, run_at.astimezone(timezone(timedelta(hours=-7))), "2124-02-29T13:30:15.123456+01:00"):
        task = stored(run_at=given)
        assert (task.status, task.run_at) == (TaskStatus.SCHEDULED, run_at)


def test_a_time_that_has_passed_is_due_at_once_and_goes_before_younger_work() -> None:
    task = stored(run_at=database.now() - HOUR)
    assert task.status == TaskStatus.PENDING
    assert task.run_at < task.created_at - timedelta(minutes=59)


@pytest.mark.parametrize("text", ["1970-01-01T00:00Z", "2999-12-31 23:59:59.999999+00:00"])
def test_the_first_and_the_last_time(text: str) -> None:
    assert stored(run_at=text).run_at == datetime.fromisoformat(text)


def test_the_submitter_is_kept(ann: User) -> None:
    assert stored(actor=ann).created_by == ann
    assert stored(actor=AnonymousUser()).created_by is None


def test_ids_rise_with_each_submission() -> None:
    ids = [submit_task(type="sample.noop").id for _ in range(50)]
    ids += [each.id for each in submit_tasks([{"type": "sample.noop"}] * 50)]
    assert ids == sorted(ids)
    assert all(each.version == 7 for each in ids)


def test_a_mapping_from_outside_is_the_same_as_arguments() -> None:
    task = Task.objects.get(id=submit_given({"type": "sample.noop", "priority": 3, "delay": 60.5}).id)
    assert (task.priority, task.status) == (3, TaskStatus.SCHEDULED)


def test_one_task_is_one_insert() -> None:
    submit_task(type="sample.noop")  # reads the queues' names
    with CaptureQueriesContext(connection) as queries:
        submit_task(type="sample.noop")  # wakes the dispatcher as well, where it sleeps
    assert len(queries) == 1


def test_in_a_transaction_of_the_callers_the_task_exists_when_that_commits() -> None:
    def submit_and_fail() -> None:
        with transaction.atomic():
            submit_task(type="sample.noop")
            submit_tasks([{"type": "sample.noop", "idempotency_key": "k"}] * 3)
            assert Task.objects.count() == 2
            raise RuntimeError("the caller failed")

    with pytest.raises(RuntimeError):
        submit_and_fail()
    assert Task.objects.count() == 0
    with transaction.atomic():
        kept = submit_task(type="sample.noop", idempotency_key="k")
    assert kept.created
    assert Task.objects.get().id == kept.id


def test_a_queue_that_was_made_a_moment_ago_is_known() -> None:
    submit_task(type="sample.noop")
    database.run("INSERT INTO tasks_queue (name, description) VALUES ('brand-new', '')")
    assert stored(queue="brand-new").queue == "brand-new"
