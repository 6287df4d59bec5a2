"""A dead task gets another payload and comes back with it: both or neither."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks.exceptions import EditedMeanwhile, IllegalTransition, InvalidSubmission, PayloadTooLarge, TaskMissing
from tasks.models import AuditEntry, DeadLetter, Task, TaskEvent
from tasks.models.task import new_id
from tasks.services import retry_with_payload
from tasks.states import EventKind, TaskStatus
from tasks.transitions import finish
from tasks.versions import version_of
from tests.tasks.rows import HOLDER, a_task, claimed, columns, ending

pytestmark = [pytest.mark.database, pytest.mark.django_db]

S = TaskStatus
OLD = {"url": "https://a.test/", "method": "POST", "headers": {"Authorization": "Bearer abc"}}


@pytest.fixture
def dead(db: None) -> Task:
    (held,) = claimed(type="http_request", payload=OLD)
    finish([ending(held, S.FAILED)], incarnation=HOLDER)
    return Task.objects.get(pk=held.id)


def test_it_comes_back_with_the_payload_that_was_given(dead: Task) -> None:
    ada = User.objects.create_user("ada")
    new = {"url": "https://b.test/", "headers": {"Authorization": "***"}}
    retry_with_payload(dead.pk, new, actor=ada, reason="wrong address", version=version_of(dead))
    task = Task.objects.get(pk=dead.pk)
    assert task.status == S.PENDING
    assert task.payload == {"url": "https://b.test/", "headers": {"Authorization": "Bearer abc"}}  # `method` is gone
    assert task.payload_bytes == 66
    assert DeadLetter.objects.get().resolution == "reprocessed"
    assert list(TaskEvent.objects.order_by("id").values_list("kind", flat=True)) == [
        EventKind.EDITED, EventKind.REVIVED
    ]  # fmt: skip
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.target, entry.actor_name, entry.reason) == (
        "edit payload and retry", str(dead.pk), "ada", "wrong address"
    )  # fmt: skip
    assert "Bearer abc" not in str(entry.after)
    assert entry.after is not None
    assert entry.after["payload"]["url"] == "https://b.test/"


@pytest.mark.parametrize(
    ("payload", "attr"),
    [
        ({"url": 7}, "payload.url"),
        ({}, "payload.url"),
        ({"url": "https://b.test/", "cookies": "***"}, "payload.cookies"),
    ],
)
def test_a_payload_that_its_type_does_not_want_changes_nothing(payload: Any, attr: str, dead: Task) -> None:
    before = columns([dead.pk])
    with pytest.raises(InvalidSubmission) as caught:
        retry_with_payload(dead.pk, payload)
    assert attr in [error["attr"] for error in caught.value.errors]
    assert columns([dead.pk]) == before
    assert not TaskEvent.objects.exists()
    assert not AuditEntry.objects.exists()


def test_other_troubles_change_nothing_either(dead: Task, settings: Any) -> None:
    before = columns([dead.pk])
    with pytest.raises(EditedMeanwhile):
        retry_with_payload(dead.pk, OLD, version="another")
    settings.PAYLOAD_LIMIT = 10
    with pytest.raises(PayloadTooLarge):
        retry_with_payload(dead.pk, OLD)
    with pytest.raises(TaskMissing):
        retry_with_payload(new_id(), OLD)
    assert columns([dead.pk]) == before


@pytest.mark.parametrize("status", [status for status in S if status != S.FAILED])
def test_only_what_failed_is_mended(status: TaskStatus) -> None:
    task = a_task(status)
    before = columns([task.pk])
    with pytest.raises(IllegalTransition):
        retry_with_payload(task.pk, {})
    assert columns([task.pk]) == before


def test_what_failed_with_another_comes_back_with_that() -> None:
    task = a_task(S.FAILED, unmet=1)
    before = columns([task.pk])
    with pytest.raises(IllegalTransition, match="it failed because of a task that it depends on"):
        retry_with_payload(task.pk, {"text": "x"})
    assert columns([task.pk]) == before
    assert not TaskEvent.objects.exists()
