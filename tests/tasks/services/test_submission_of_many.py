"""Thousands in one go, on whichever path the database takes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import database
from tasks.models import Task
from tasks.services import submit_tasks
from tasks.services.storing import COPY_FROM, INSERT_AT_ONCE
from tasks.states import TaskStatus

pytestmark = [pytest.mark.django_db, pytest.mark.database]

COLUMNS = [field.attname for field in Task._meta.fields if field.attname not in ("id", "created_at", "run_at")]
RUN_AT = datetime(2124, 1, 31, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("count", [1, 2, COPY_FROM - 1, COPY_FROM, INSERT_AT_ONCE, INSERT_AT_ONCE + 1])
def test_all_are_stored_and_named_in_order(count: int) -> None:
    given = [{"type": "sample.noop", "payload": {"n": n}} for n in range(count)]
    result = submit_tasks(given)
    assert all(each.created for each in result)
    payloads = dict(Task.objects.values_list("id", "payload"))
    assert [payloads[each.id]["n"] for each in result] == list(range(count))
    assert len(payloads) == count


def test_a_task_is_stored_alike_on_every_path(ann: User) -> None:
    options: list[dict[str, Any]] = [
        {"type": "http_request", "payload": {"url": "https://a.test/"}, "name": "\t\\N\\x41\n'\"ä😀"},
        {"type": "sample.echo", "payload": {"tab": "\t", "null": None, "back\\slash": "\\."}, "name": "a\tb\\c\nd"},
        {"type": "sample.noop", "delay": 3600.5, "priority": 0, "tags": ["x,y", 'q"', "{}"]},
        {"type": "sample.noop", "run_at": RUN_AT, "retry": {"kind": "none"}, "timeout": 0.25, "max_attempts": 9},
        {"type": "sample.async_work", "payload": {"seconds": 1e-9}, "queue": "data"},
    ]
    singles = [submit_tasks([each], actor=ann)[0].id for each in options]
    many = submit_tasks(options * COPY_FROM, actor=ann)
    for index, single in enumerate(singles):
        wanted = Task.objects.get(id=single)
        found = Task.objects.get(id=many[index].id)
        assert {name: getattr(found, name) for name in COLUMNS} == {name: getattr(wanted, name) for name in COLUMNS}
        assert abs((found.run_at - found.created_at) - (wanted.run_at - wanted.created_at)) < timedelta(seconds=5)
    waiting = Task.objects.filter(type="sample.noop", timeout=0.25).values_list("status", "run_at")
    assert list(waiting) == [(TaskStatus.SCHEDULED, RUN_AT)] * (COPY_FROM + 1)


def test_times_of_many_are_the_databases() -> None:
    before = database.now()
    submit_tasks([{"type": "sample.noop"}, {"type": "sample.noop", "delay": 60}] * COPY_FROM)
    after = database.now()
    due = Task.objects.filter(
        status=TaskStatus.PENDING, created_at__range=(before, after), run_at__range=(before, after)
    )
    minute = timedelta(seconds=60)
    later = Task.objects.filter(status=TaskStatus.SCHEDULED, run_at__range=(before + minute, after + minute))
    assert due.count() == later.count() == COPY_FROM


def test_a_time_that_has_passed_is_due_at_once_among_many() -> None:
    submit_tasks([{"type": "sample.noop", "run_at": "2001-01-01T00:00:00Z"}] * COPY_FROM)
    assert set(Task.objects.values_list("status", "run_at")) == {(TaskStatus.PENDING, datetime(2001, 1, 1, tzinfo=UTC))}


def test_statements_grow_with_thousands_and_not_with_tasks() -> None:
    submit_tasks([{"type": "sample.noop"}])  # reads the queues' names
    counts = []
    for count in (2, 150, 5_000):
        with CaptureQueriesContext(connection) as queries:
            submit_tasks([{"type": "sample.noop"}] * count)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 2
    assert counts[2] <= 5 + 5_000 / INSERT_AT_ONCE
