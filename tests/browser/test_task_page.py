"""The page of one task in a real browser: on a phone, by the keyboard, and with stored texts that would do harm."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tasks import database
from tasks.models import Queue, Task, TaskAttempt, TaskLog
from tasks.services import pause_queue
from tasks.states import FailureCategory, Outcome, TaskStatus
from tests.tasks.desk import a_worker
from tests.tasks.explaining.conftest import lead
from tests.tasks.rows import a_task, queues

pytestmark = pytest.mark.browser

NASTY = '<script>window.harmed = 1</script><img src=x onerror="window.harmed = 1">\u202e\x1b[31m'


@pytest.fixture
def admin(page: Page) -> Page:
    User.objects.create_superuser("root", password="pw")
    page.goto("/admin/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill("pw")
    page.get_by_role("button", name=re.compile("log in", re.IGNORECASE)).click()
    expect(page.locator("#nav-sidebar-apps")).to_be_visible()
    return page


@pytest.fixture
def nasty(admin: Page) -> Task:
    now = database.now()
    task = a_task(
        TaskStatus.FAILED, name=f"name {NASTY}", tags=[f"tag {NASTY}"], progress=0.5, progress_text=f"progress {NASTY}",
        attempt=2, payload={"text": f"payload {NASTY}", "number": 12345678901234567890, "token": "hidden-from-all"},
    )  # fmt: skip
    for number in (1, 2):
        TaskAttempt.objects.create(
            task=task, number=number, outcome=Outcome.FAILED, category=FailureCategory.CODE_ERROR,
            worker=f"worker {NASTY}", error_class=f"class {NASTY}", error_message=f"error {NASTY} " + "x" * 300,
            traceback=f"traceback {NASTY}", started_at=now - timedelta(seconds=9), finished_at=now,
        )  # fmt: skip
    TaskLog.objects.create(task=task, attempt=1, at=now, level="warning", message=f"log {NASTY}", fields={"a": NASTY})
    return task


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_stored_does_harm_and_nothing_is_wider_than_the_screen(
    width: int, admin: Page, nasty: Task, complaints: list[str]
) -> None:
    asked: list[str] = []
    admin.on("request", lambda request: asked.append(request.url))
    admin.set_viewport_size({"width": width, "height": 800})
    admin.goto(f"/admin/tasks/task/{nasty.pk}/change/")
    expect(admin.locator(".ty-failure")).to_contain_text("error <script>")
    expect(admin.locator(".ty-life-picture")).to_be_visible()
    assert admin.evaluate("window.harmed") is None
    assert admin.evaluate("document.documentElement.scrollWidth") <= width
    boxes = admin.locator(".ty-box").all()
    assert len(boxes) >= 6
    assert all((box.bounding_box() or {"width": width})["width"] < width for box in boxes)
    assert {url.split("/")[2] for url in asked} == {admin.url.split("/")[2]}  # the page needs no internet
    assert complaints == []


def test_a_traceback_is_reached_and_a_payload_copied(admin: Page, nasty: Task, complaints: list[str]) -> None:
    admin.context.grant_permissions(["clipboard-read", "clipboard-write"])
    admin.goto(f"/admin/tasks/task/{nasty.pk}/change/")
    admin.get_by_role("link", name="Traceback and details of attempt 2").click()
    expect(admin.locator("#attempt-2 pre").last).to_contain_text("traceback <script>")
    expect(admin.locator("#attempt-1 pre").last).not_to_be_visible()
    admin.get_by_role("button", name="Copy").first.click()
    expect(admin.get_by_role("button", name="Copied")).to_be_visible()
    copied = admin.evaluate("navigator.clipboard.readText()")
    assert '"number": 12345678901234567890' in copied
    assert "hidden-from-all" not in copied
    admin.get_by_role("navigation", name="Level of the log").get_by_role("link", name="error").click()
    expect(admin.locator("#log")).to_contain_text("none of this level")
    assert complaints == []


def test_a_waiting_task_is_set_going_by_the_keyboard(admin: Page, complaints: list[str]) -> None:
    queues("default")
    lead()
    a_worker()
    pause_queue("default", reason="The shop is down.")
    task = a_task()
    admin.goto(f"/admin/tasks/task/{task.pk}/change/")
    expect(admin.locator(".ty-sentence")).to_contain_text("The queue default is paused since")
    for _ in range(60):
        admin.keyboard.press("Tab")
        if admin.evaluate("document.activeElement.className") == "ty-remedy":
            break
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("What waits in it is started again")).to_be_visible()
    admin.get_by_role("button", name="Resume").press("Enter")
    expect(admin.get_by_text("The queue goes on.")).to_be_visible()
    assert not Queue.objects.get(name="default").paused
    admin.goto(f"/admin/tasks/task/{task.pk}/change/")
    expect(admin.locator(".ty-sentence")).to_contain_text("It is next")
    assert complaints == []
