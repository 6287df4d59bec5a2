"""The page of one task in a real browser: on a phone, by the keyboard, and with stored texts that would do harm."""

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tasks import database
from tasks.models import Task, TaskAttempt, TaskLog
from tasks.states import FailureCategory, Outcome, TaskStatus
from tests.tasks.rows import a_task

pytestmark = pytest.mark.browser

NASTY = '<script>window.harmed = 1</script><img src=x onerror="window.harmed = 1">\u202e\x1b[31m'


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


def test_nothing_stored_does_harm_and_nothing_is_wider_than_the_screen(
    admin: Page, nasty: Task, complaints: list[str]
) -> None:
    asked: list[str] = []
    admin.on("request", lambda request: asked.append(request.url))
    admin.goto(f"/admin/tasks/task/{nasty.pk}/change/")
    expect(admin.locator(".ty-failure")).to_contain_text("error <script>")
    expect(admin.locator(".ty-life-picture")).to_be_visible()
    assert admin.evaluate("window.harmed") is None
    for width in (1280, 390):
        admin.set_viewport_size({"width": width, "height": 800})
        assert admin.evaluate("document.documentElement.scrollWidth") <= width
        boxes = admin.locator(".ty-box").evaluate_all("boxes => boxes.map(box => box.getBoundingClientRect().width)")
        assert len(boxes) >= 6
        assert max(boxes) < width
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
