"""Queues in the admin: pausing, limits, and what their rows say."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from tasks.models import Queue, Task
from tasks.states import TaskStatus
from tests.tasks.admin.conftest import NASTY
from tests.tasks.rows import queues

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def http() -> None:
    queues("http")


def address(verb: str) -> str:
    return reverse(f"admin:tasks_queue_{verb}", args=["http"])


def labels(client: Client) -> list[str]:
    return [each["label"] for each in client.get(address("change")).context["buttons"]]


def test_a_queue_is_paused_with_a_reason_and_goes_on(root: Client, make_task: Any) -> None:
    task = make_task(TaskStatus.QUEUED)
    assert labels(root) == ["Pause", "Set limits", "Describe"]
    assert root.post(address("pause"), {"reason": f"down {NASTY}"}).status_code == 302
    queue = Queue.objects.get(name="http")
    assert (queue.paused, queue.pause_reason) == (True, f"down {NASTY}")
    assert Task.objects.get(pk=task.pk).status == TaskStatus.PENDING
    assert labels(root) == ["Resume", "Set limits", "Describe"]
    for place in (address("change"), reverse("admin:tasks_queue_changelist"), address("history")):
        text = root.get(place).content.decode()
        assert NASTY not in text
    assert "down &lt;script&gt;" in root.get(address("change")).content.decode()
    root.post(address("resume"), {"reason": "up"})
    assert not Queue.objects.get(name="http").paused
    entries = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
    assert list(entries) == [f"Pause: down {NASTY}", "Resume: up"]


def test_limits_are_set_and_taken_away(root: Client) -> None:
    assert root.post(address("limit"), {"rate_limit": "2.5", "concurrency_limit": "4"}).status_code == 302
    queue = Queue.objects.get(name="http")
    assert (queue.rate_limit, queue.concurrency_limit) == (2.5, 4)
    page = root.get(address("change"))
    assert page.context["face"].limits == "2.5 a second, 4 at once"
    assert 'value="2.5"' in page.content.decode()  # in its place, to be changed there
    form = root.get(address("limit")).context["form"]
    assert (form["rate_limit"].value(), form["concurrency_limit"].value()) == (2.5, 4)
    root.post(address("limit"), {"rate_limit": "", "concurrency_limit": ""})
    queue.refresh_from_db()
    assert (queue.rate_limit, queue.concurrency_limit) == (None, None)


@pytest.mark.parametrize(
    ("field", "text"),
    [("rate_limit", "0"), ("rate_limit", "fast"), ("concurrency_limit", "0"), ("concurrency_limit", "1.5")],
)
def test_limits_that_are_none_are_said(field: str, text: str, root: Client) -> None:
    response = root.post(address("limit"), {field: text})
    assert response.status_code == 200
    assert response.context["form"].errors[field]
    assert not LogEntry.objects.exists()


def test_a_viewer_has_no_buttons_and_is_refused(sign_in: Callable[..., Client]) -> None:
    viewer = sign_in("tasks.view_queue", "tasks.change_task")
    assert labels(viewer) == []
    for verb in ("pause", "resume", "limit"):
        assert viewer.get(address(verb)).status_code == viewer.post(address(verb), {}).status_code == 403
    assert not Queue.objects.get(name="http").paused


def test_rows_tell_what_waits(root: Client, make_task: Any) -> None:
    make_task(TaskStatus.PENDING)
    make_task(TaskStatus.PENDING, parked="no worker")
    make_task(TaskStatus.PROCESSING)
    make_task()
    text = root.get(reverse("admin:tasks_queue_changelist")).content.decode()
    assert "<b>2</b>" in text
    assert "2 pending</a> · <a" in text
    assert "1 parked</a>" in text
