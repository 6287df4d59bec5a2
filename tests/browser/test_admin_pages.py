"""An administrator at work in a real browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tasks.models import Task

pytestmark = pytest.mark.browser


def test_forms_of_other_apps_work(admin: Page, complaints: list[str]) -> None:
    for model in ("auth/user", "auth/group", "django_celery_beat/periodictask", "django_celery_beat/crontabschedule"):
        admin.goto(f"/admin/{model}/add/")
        expect(admin.get_by_role("button", name="Save", exact=True)).to_be_visible()
    assert complaints == []


def test_a_task_is_submitted_and_seen(admin: Page, complaints: list[str]) -> None:
    admin.goto("/admin/tasks/task/")
    admin.get_by_title("Add task").first.click()
    admin.get_by_label("Type").select_option("http_request")
    expect(admin.get_by_text("Sends an HTTP request", exact=False).last).to_be_visible()
    expect(admin.get_by_label("Timeout")).to_have_attribute("placeholder", "60")
    admin.get_by_text("What the payload may hold").click()
    expect(admin.locator("details pre")).to_contain_text('"url"')
    admin.get_by_role("button", name="Fill in the example").click()
    expect(admin.get_by_label("Payload")).to_have_value(re.compile("https://"))

    admin.get_by_label("Payload").fill("{}")
    admin.get_by_label("Name").fill("Call <b>the shop</b>")
    admin.get_by_role("button", name="Submit the task").click()
    expect(admin.get_by_text("payload.url: Field required")).to_be_visible()
    assert not Task.objects.exists()

    admin.get_by_label("Payload").fill('{"url": "https://example.com"}')
    admin.get_by_role("button", name="Submit the task").click()
    expect(admin.get_by_text("The task was submitted.")).to_be_visible()
    task = Task.objects.get()
    assert str(task.pk) in admin.url
    expect(admin.locator(".ty-facts")).to_contain_text("Call <b>the shop</b>")
    expect(admin.get_by_text('"url": "https://example.com"')).to_be_visible()

    admin.goto("/admin/tasks/task/")
    expect(admin.locator("#result_list")).to_contain_text("Call <b>the shop</b>")
    admin.locator("#changelist a", has_text="Filters").first.click()
    admin.locator("#changelist-filter").get_by_role("link", name="Failed", exact=True).click()
    expect(admin.get_by_text("No results found")).to_be_visible()
    assert complaints == []


def test_the_browser_would_notice(admin: Page, complaints: list[str], live_server: Any) -> None:
    """The watch itself works: else the tests above could not fail."""
    admin.goto("/admin/no/such/page/")
    admin.evaluate("console.error('on purpose')")
    assert [complaint.split()[0] for complaint in complaints] == ["404", "console:", "console:"]
    complaints.clear()
