"""The dashboard that refreshes itself, and the shortcuts of every page, in a real browser."""

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tasks.models import Queue
from tests.tasks.rows import queues

pytestmark = pytest.mark.browser


@pytest.fixture
def admin(page: Page) -> Page:
    queues("http")
    User.objects.create_superuser("root", password="pw")
    page.goto("/admin/")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill("pw")
    page.get_by_role("button", name=re.compile("log in", re.IGNORECASE)).click()
    expect(page.locator("#nav-sidebar-apps")).to_be_attached()
    return page


def test_it_shows_what_has_changed_and_how_old_it_is(admin: Page, complaints: list[str]) -> None:
    expect(admin.locator("[data-age]")).to_have_text(re.compile(r"now|\d+ s old"))
    Queue.objects.filter(name="http").update(paused=True, pause_reason="<b>the shop</b> is down")
    expect(admin.get_by_text("<b>the shop</b> is down")).to_be_visible(timeout=15_000)
    admin.context.set_offline(True)
    expect(admin.locator("[data-age]")).to_contain_text("no answer, trying again", timeout=15_000)
    admin.context.set_offline(False)
    complaints.clear()  # of being offline


def test_it_says_when_its_session_is_over(admin: Page) -> None:
    admin.context.clear_cookies()
    expect(admin.locator("[data-age]")).to_contain_text("signed out", timeout=15_000)


def test_shortcuts_lead_to_pages_and_never_while_somebody_types(admin: Page, complaints: list[str]) -> None:
    admin.keyboard.press("?")
    expect(admin.get_by_role("dialog", name="Shortcuts")).to_contain_text("go to Queues")
    admin.keyboard.press("g")
    admin.keyboard.press("q")  # not below an open sheet
    admin.keyboard.press("Escape")
    expect(admin.get_by_role("dialog", name="Shortcuts")).to_have_count(0)
    for key, address in (("q", "queue"), ("d", "deadletter"), ("t", "task")):
        admin.keyboard.press("g")
        admin.keyboard.press(key)
        admin.wait_for_url(f"**/admin/tasks/{address}/")
    admin.keyboard.press("/")
    expect(admin.locator("#searchbar")).to_be_focused()
    admin.keyboard.type("gq?")
    expect(admin.locator("#searchbar")).to_have_value("gq?")
    assert admin.url.endswith("/admin/tasks/task/")


def test_groups_of_the_sidebar_fold_by_keyboard_and_stay_so(admin: Page) -> None:
    group = admin.locator("summary", has_text="Access")
    group.focus()
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("link", name="API docs")).to_be_hidden()
    admin.reload()
    expect(admin.get_by_role("link", name="API docs")).to_be_hidden()


def test_on_a_phone_the_sidebar_opens_by_keyboard_and_nothing_is_wider_than_the_screen(admin: Page) -> None:
    admin.set_viewport_size({"width": 390, "height": 844})
    for address in ("/admin/", "/admin/tasks/queue/", "/admin/tasks/queue/http/", "/admin/tasks/worker/"):
        admin.goto(address)
        assert admin.evaluate("document.documentElement.scrollWidth") <= 390, address
    expect(admin.get_by_role("link", name="Dashboard")).to_be_hidden()
    admin.get_by_role("button", name="Sidebar").locator("visible=true").first.press("Enter")
    expect(admin.get_by_role("link", name="Dashboard")).to_be_visible()
