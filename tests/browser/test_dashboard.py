"""Pages that refresh themselves, and the shortcuts and the sidebar of every page, in a real browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tasks.models import Queue
from tasks.states import BulkStatus
from tests.tasks.rows import a_bulk_action, a_task, queues

pytestmark = pytest.mark.browser

REFRESHED_AFTER = 5_000  # milliseconds by the page's clock, which these tests put forward

# In headless Chromium no tab is ever hidden. What the page asks for is counted where it asks.
WATCHED = """
    window.asked = window.read = 0;
    const really = window.fetch;
    window.fetch = async (...given) => {
        window.asked += 1;
        const answer = await really(...given);
        const text = answer.text.bind(answer);
        answer.text = () => text().finally(() => { window.read += 1; });
        return answer;
    };
    window.turn = (state) => {
        for (const [name, value] of [["visibilityState", state], ["hidden", state === "hidden"]])
            Object.defineProperty(document, name, { configurable: true, get: () => value });
        document.dispatchEvent(new Event("visibilitychange"));
    };
"""


@pytest.fixture
def clocked(admin: Page) -> Page:
    queues("http")
    admin.clock.install()
    return admin


@pytest.fixture
def dashboard(admin: Page) -> Page:
    queues("http")
    admin.goto("/admin/")
    return admin


def test_it_shows_what_has_changed_and_how_old_it_is(clocked: Page, complaints: list[str]) -> None:
    clocked.goto("/admin/")
    expect(clocked.locator("[data-age]")).to_have_text(re.compile(r"now|\d+ s old"))
    Queue.objects.filter(name="http").update(paused=True, pause_reason="<b>the shop</b> is down")
    clocked.clock.fast_forward(REFRESHED_AFTER)
    expect(clocked.get_by_text("<b>the shop</b> is down")).to_be_visible()
    clocked.context.set_offline(True)
    clocked.clock.fast_forward(REFRESHED_AFTER)
    expect(clocked.locator("[data-age]")).to_contain_text("no answer, trying again")
    clocked.context.set_offline(False)
    complaints.clear()  # of being offline
    clocked.context.clear_cookies()
    clocked.clock.fast_forward(REFRESHED_AFTER)
    expect(clocked.locator("[data-age]")).to_contain_text("signed out")
    assert complaints == []


def test_a_page_that_nobody_sees_asks_for_nothing(clocked: Page, complaints: list[str]) -> None:
    action = a_bulk_action(a_task())
    assert action.status == BulkStatus.WAITING  # its page goes on asking
    clocked.add_init_script(WATCHED)
    asked: Callable[[], int] = lambda: clocked.evaluate("window.asked")  # noqa: E731
    for address in ("", "tasks/queue/http/", f"tasks/bulkaction/{action.pk}/change/"):
        clocked.goto(f"/admin/{address}")
        clocked.clock.fast_forward(REFRESHED_AFTER)
        clocked.wait_for_function("window.read === 1")
        clocked.evaluate("turn('hidden')")
        for _ in range(4):
            clocked.clock.fast_forward(REFRESHED_AFTER)
        assert asked() == 1, address
        clocked.evaluate("turn('visible')")
        assert asked() == 2, address  # at once: nobody has to wait for what is new
        clocked.wait_for_function("window.read === 2")
        clocked.clock.fast_forward(REFRESHED_AFTER)
        assert asked() == 3, address
    assert complaints == []


def test_shortcuts_lead_to_pages_and_never_while_somebody_types(dashboard: Page, complaints: list[str]) -> None:
    dashboard.keyboard.press("?")
    expect(dashboard.get_by_role("dialog", name="Shortcuts")).to_contain_text("go to Queues")
    dashboard.keyboard.press("g")
    dashboard.keyboard.press("q")  # not below an open sheet
    dashboard.keyboard.press("Escape")
    expect(dashboard.get_by_role("dialog", name="Shortcuts")).to_have_count(0)
    for key, address in (("q", "queue"), ("d", "deadletter"), ("t", "task")):
        dashboard.keyboard.press("g")
        dashboard.keyboard.press(key)
        dashboard.wait_for_url(f"**/admin/tasks/{address}/")
    dashboard.keyboard.press("/")
    expect(dashboard.locator("#searchbar")).to_be_focused()
    dashboard.keyboard.type("gq?")
    expect(dashboard.locator("#searchbar")).to_have_value("gq?")
    assert dashboard.url.endswith("/admin/tasks/task/")


def test_the_sidebar_folds_by_keyboard_and_opens_on_a_phone_where_nothing_is_wider_than_the_screen(
    dashboard: Page,
) -> None:
    group = dashboard.locator("summary", has_text="Access")
    group.focus()
    dashboard.keyboard.press("Enter")
    expect(dashboard.get_by_role("link", name="API docs")).to_be_hidden()
    dashboard.reload()
    expect(dashboard.get_by_role("link", name="API docs")).to_be_hidden()

    dashboard.set_viewport_size({"width": 390, "height": 844})
    for address in ("/admin/tasks/queue/", "/admin/tasks/queue/http/", "/admin/tasks/worker/", "/admin/"):
        dashboard.goto(address)
        assert dashboard.evaluate("document.documentElement.scrollWidth") <= 390, address
    expect(dashboard.get_by_role("link", name="Dashboard")).to_be_hidden()
    dashboard.get_by_role("button", name="Sidebar").locator("visible=true").first.press("Enter")
    expect(dashboard.get_by_role("link", name="Dashboard")).to_be_visible()
