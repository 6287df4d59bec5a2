"""Control characters and signs that turn the direction of writing: a stored text must not look like another one."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tasks import database
from tasks.models import AuditEntry, FailureGroup, FailureRule, Queue, Task, TaskEvent
from tasks.states import Door, EventKind, FailureCategory, ItemState, Outcome, RuleVerdict, TaskStatus
from tests.tasks.rows import a_bulk_action

pytestmark = pytest.mark.django_db

ODD = "a\x1b[31m\u202eb"
WRITTEN = "a\\u001b[31m\\u202eb"


@pytest.fixture
def rows(make_task: Any, make_attempt: Any, make_dead_letter: Any, make_worker: Any, root: Client) -> list[Any]:
    """One row of each screen, odd wherever text is kept."""
    now = database.now()
    task: Task = make_task(TaskStatus.FAILED, name=ODD, type=ODD, tags=[ODD], worker=ODD, queue="http")
    attempt = make_attempt(
        task, outcome=Outcome.FAILED, worker=ODD, error_class=ODD, error_message=ODD, traceback=ODD, result=ODD
    )
    letter, similar = (
        make_dead_letter(task if first else None, type=ODD, error_class=ODD, message=ODD, traceback=ODD, body=ODD,
                         x_death={"queue": ODD}) for first in (True, False)
    )  # fmt: skip
    TaskEvent.objects.create(task=task, attempt=1, at=now, kind=EventKind.EDITED, reason=ODD)
    action = a_bulk_action(task, words=ODD, reason=ODD, note=ODD)
    action.items.update(state=ItemState.SKIPPED, reason=ODD)
    group = FailureGroup.objects.create(
        fingerprint=letter.fingerprint, type=ODD, error_class=ODD, message=ODD, state_reason=ODD,
        category=FailureCategory.CODE_ERROR, first_seen=now, last_seen=now,
    )  # fmt: skip
    rule = FailureRule.objects.create(
        type=ODD, error_class=ODD, message=ODD, note=ODD, verdict=RuleVerdict.DIE, changed_at=now
    )
    queue, _ = Queue.objects.update_or_create(
        name="http", defaults={"description": ODD, "paused": True, "paused_at": now, "pause_reason": ODD}
    )
    worker = make_worker(ODD, host=ODD, group=ODD, release=ODD, types={ODD: "plain"})
    entry = AuditEntry.objects.create(
        at=now, verb="edit", kind="task", target=ODD, reason=ODD, door=Door.ADMIN, before={"name": ODD}, after={}
    )
    return [task, attempt, letter, similar, action, group, rule, queue, worker, entry]


def test_they_are_written_out_on_every_page(root: Client, rows: list[Any]) -> None:
    addresses = [reverse("admin:index")]
    for row in rows:
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        addresses.append(reverse(f"{name}_changelist"))
        if not isinstance(row, FailureRule):  # it is edited on its page
            addresses.append(reverse(f"{name}_change", args=[row.pk]))
    task, letter = rows[0], rows[2]
    addresses += [
        reverse("admin:tasks_task_retry", args=[task.pk]),
        reverse("admin:tasks_deadletter_reprocess", args=[letter.pk]),
        reverse("admin:tasks_deadletter_history", args=[letter.pk]),
        f"{reverse('admin:tasks_bulkaction_start', args=['retry'])}?status=failed",
    ]
    for address in addresses:
        answer = root.get(address)
        assert answer.status_code == 200, address
        text = answer.content.decode()
        assert not {"\x1b", "\u202e"} & set(text), address
    assert WRITTEN in text


def test_what_is_edited_comes_back_as_it_was(root: Client) -> None:
    now = database.now()
    rule = FailureRule.objects.create(type="a\u200bb", verdict=RuleVerdict.DIE, changed_at=now)
    text = root.get(reverse("admin:tasks_failurerule_change", args=[rule.pk])).content.decode()
    assert 'value="a\u200bb"' in text
