"""The form that edits a waiting task, and the one that makes a changed copy: only what was changed is passed on."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from tasks import database
from tasks.models import Task, TaskEvent
from tasks.states import TaskStatus

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAYLOAD = {"url": "https://example.com", "headers": {"Authorization": "Bearer abcdef123456"}}


def address(task: Task, verb: str = "edit") -> str:
    return reverse(f"admin:tasks_task_{verb}", args=[task.pk])


def filled(client: Client, place: str) -> dict[str, str]:
    """Returns what a browser would send of the form as it is shown."""
    found = {}
    for bound in client.get(place).context["form"]:
        value = bound.value()
        written = bound.field.widget.format_value(value)
        found[bound.name] = "" if value is None else written[0] if isinstance(written, list) else str(written or "")
    return {name: text.replace("\n", "\r\n") for name, text in found.items()}


@pytest.fixture
def task(make_task: Any) -> Task:
    waiting: Task = make_task(
        TaskStatus.SCHEDULED,
        name="Nightly",
        payload=PAYLOAD,
        tags=["a", "b"],
        retry={"kind": "fixed", "base": 5, "factor": 2, "max": 600, "jitter": True},
        run_at=database.now() + timedelta(hours=1),
    )
    return waiting


def test_what_is_sent_as_it_was_shown_changes_nothing(root: Client, task: Task) -> None:
    before = Task.objects.filter(pk=task.pk).values().get()
    sent = filled(root, address(task))
    assert (sent["name"], sent["tags"], sent["priority"]) == ("Nightly", "a, b", "5")
    assert "abcdef123456" not in sent["payload"]
    response = root.post(address(task), sent)
    assert response.status_code == 302
    assert Task.objects.filter(pk=task.pk).values().get() == before
    assert not TaskEvent.objects.exists()
    assert not LogEntry.objects.exists()


def test_changes_are_stored_and_secrets_are_kept(root: Client, task: Task) -> None:
    sent = filled(root, address(task))
    payload = json.loads(sent["payload"]) | {"method": "PUT"}
    changes = {"payload": json.dumps(payload), "priority": "8", "tags": "", "timeout": "9.5", "max_attempts": "7"}
    changes |= {"retry": '{"kind": "none"}', "run_at": "2040-01-31T08:00:00", "name": "", "reason": "asked for"}
    response = root.post(address(task), sent | changes)
    assert response.status_code == 302, response.context["form"].errors
    now = Task.objects.get(pk=task.pk)
    assert now.payload == PAYLOAD | {"method": "PUT"}
    assert (now.priority, now.tags, now.timeout, now.max_attempts, now.name) == (8, [], 9.5, 7, "")
    assert (now.retry["kind"], now.run_at.year) == ("none", 2040)
    event = TaskEvent.objects.get()
    assert event.reason == "asked for"
    assert "abcdef123456" not in str(event.changes)
    shown = root.get(reverse("admin:tasks_task_change", args=[task.pk])).content.decode()
    assert "priority: 5 → 8" in shown
    assert "abcdef123456" not in shown


@pytest.mark.parametrize(
    ("field", "text", "error"),
    [
        ("payload", "{", "This is not JSON"),
        ("payload", "[]", "Give a JSON object"),
        ("payload", "{}", "payload.url: Field required"),
        ("payload", '{"url": "https://e.com", "headers": {"X-Token": "***"}}', "headers.X-Token: *** stands for"),
        ("priority", "77", "Input should be less than or equal to 9"),
        ("timeout", "0", "Input should be greater than 0"),
        ("retry", '{"kind": "often"}', "retry.kind: "),
        ("max_attempts", "0", "Input should be greater than or equal to 1"),
        ("run_at", "tomorrow", "Enter a valid date/time."),
        ("queue", "nowhere", "Select a valid choice."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(field: str, text: str, error: str, root: Client, task: Task) -> None:
    before = Task.objects.filter(pk=task.pk).values().get()
    response = root.post(address(task), filled(root, address(task)) | {field: text})
    assert response.status_code == 200
    errors = response.context["form"].errors
    assert error in str(errors[field][0])
    assert Task.objects.filter(pk=task.pk).values().get() == before


def test_who_may_not_see_the_payload_edits_the_rest(sign_in: Callable[..., Client], task: Task) -> None:
    operator = sign_in("tasks.view_task", "tasks.change_task", "tasks.add_task")
    sent = filled(operator, address(task))
    assert "payload" not in sent
    operator.post(address(task), sent | {"priority": "1", "payload": '{"url": "https://evil.example"}'})
    now = Task.objects.get(pk=task.pk)
    assert (now.priority, now.payload) == (1, PAYLOAD)
    operator.post(address(task, "clone"), filled(operator, address(task, "clone")) | {"payload": "{}"})
    assert Task.objects.get(clone_of=task).payload == PAYLOAD


def test_a_copy_takes_the_changes_and_keeps_the_secrets(root: Client, task: Task) -> None:
    sent = filled(root, address(task, "clone"))
    assert "run_at" not in sent
    response = root.post(address(task, "clone"), sent | {"priority": "9", "delay": "60"})
    assert response.status_code == 302, response.context["form"].errors
    copy = Task.objects.get(clone_of=task)
    assert (copy.payload, copy.priority, copy.tags, copy.name) == (PAYLOAD, 9, ["a", "b"], "Nightly")
    assert copy.status == TaskStatus.SCHEDULED


def test_what_somebody_else_changed_meanwhile_is_not_changed_back(root: Client, task: Task) -> None:
    sent = filled(root, address(task))
    root.post(reverse("admin:tasks_task_priority", args=[task.pk]), {"priority": "9"})
    response = root.post(address(task), sent | {"name": "mine"})
    assert response.status_code == 200
    assert "It was changed since this form was opened" in response.content.decode()
    now = Task.objects.get(pk=task.pk)
    assert (now.priority, now.name) == (9, "Nightly")


# --- A dead task's payload, mended and retried ------------------------------------------------------------------------


def test_a_dead_tasks_payload_is_mended_and_retried_in_one_form(root: Client, make_task: Any) -> None:
    payload = {
        "url": "https://a.test/",
        "headers": {"Authorization": "Bearer abc"},
        "json": {"n": 12345678901234567890},
    }
    task = make_task(TaskStatus.FAILED, payload=payload)
    address = reverse("admin:tasks_task_mend", args=[task.pk])
    form = root.get(address).context["form"]
    shown = form["payload"].initial
    assert "Bearer abc" not in shown
    assert "12345678901234567890" in shown
    wrong = root.post(address, {"payload": shown.replace('"https://a.test/"', "7"), "seen": form["seen"].initial})
    assert [error.partition(":")[0] for error in wrong.context["form"].errors["payload"]] == ["payload.url"]
    assert Task.objects.get(pk=task.pk).status == TaskStatus.FAILED
    mended = root.post(
        address, {"payload": shown.replace("a.test", "b.test"), "seen": form["seen"].initial, "reason": "moved"}
    )
    assert mended.status_code == 302
    stored = Task.objects.get(pk=task.pk)
    assert (stored.status, stored.payload) == (TaskStatus.PENDING, {**payload, "url": "https://b.test/"})


def test_a_payload_that_somebody_else_has_mended_is_not_overwritten(root: Client, make_task: Any) -> None:
    task = make_task(TaskStatus.FAILED)
    address = reverse("admin:tasks_task_mend", args=[task.pk])
    seen = root.get(address).context["form"]["seen"].initial
    Task.objects.filter(pk=task.pk).update(payload={"url": "https://other.test/"})
    answer = root.post(address, {"payload": '{"url": "https://mine.test/"}', "seen": seen})
    assert "It was changed since this form was opened" in answer.content.decode()
    assert "https://mine.test/" in answer.content.decode()  # what was written is not lost
    assert Task.objects.get(pk=task.pk).payload == {"url": "https://other.test/"}


def test_only_who_sees_payloads_mends_them(sign_in: Any, make_task: Any) -> None:
    task = make_task(TaskStatus.FAILED)
    address = reverse("admin:tasks_task_mend", args=[task.pk])
    for rights in (["tasks.change_task"], ["tasks.view_payload"]):
        user = sign_in("tasks.view_task", *rights)
        assert user.get(address).status_code == user.post(address, {"payload": "{}"}).status_code == 403
        assert address not in user.get(reverse("admin:tasks_task_change", args=[task.pk])).content.decode()
    operator = sign_in("tasks.view_task", "tasks.change_task", "tasks.view_payload")
    assert operator.get(address).status_code == 200
    assert address in operator.get(reverse("admin:tasks_task_change", args=[task.pk])).content.decode()
