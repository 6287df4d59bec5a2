"""Whole journeys of an operator over an installation of real processes: from what went wrong to what is well again."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PATIENCE
from tests.embedded.running import PASSWORD, Taskyard

pytestmark = pytest.mark.browser

COUNT = 60  # dead letters: more than a page of their list shows


@pytest.fixture
def operator(open_page: Callable[..., Any], installation: Taskyard, complaints: list[str]) -> Iterator[Page]:
    """A page of somebody who has not signed in yet."""
    with open_page(f"http://127.0.0.1:{installation.port}") as page:
        yield page
    assert complaints == []


def sign_in(page: Page) -> None:
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("log in", re.IGNORECASE)).click()


def submitted(installation: Taskyard, **fields: Any) -> str:
    status, task = installation.call("POST", "/api/tasks/", fields)
    assert status == 201, task
    return task["id"]


def load_until(page: Page, sign: Locator) -> None:
    """Loads the page anew until the sign is seen."""
    until = time.monotonic() + PATIENCE / 1000
    while not sign.is_visible():
        assert time.monotonic() < until, page.locator("#content-main").inner_text()
        page.reload()


def test_a_failed_task_is_found_understood_mended_and_reprocessed(operator: Page, installation: Taskyard) -> None:
    common = {"type": "http_request", "max_attempts": 1, "tags": ["shop"]}
    submitted(installation, **common, payload={"url": "/api/health/live/"}, name="Ask whether the shop lives")
    task = submitted(installation, **common, payload={"url": "/orders/17/"}, name="Tell the warehouse")
    operator.goto("/admin/tasks/task/")
    sign_in(operator)
    search = operator.locator("#searchbar")
    search.fill("status:failed type:http_request tag:shop error:404")
    search.press("Enter")
    found = operator.get_by_role("link", name=re.compile("Tell the warehouse"))
    load_until(operator, found)
    expect(operator.locator("#result_list tbody tr")).to_have_count(1)
    found.click()
    expect(operator.locator(".ty-failure")).to_contain_text("404")
    operator.get_by_role("link", name="Traceback and details of attempt 1").click()
    expect(operator.locator("#attempt-1 pre").last).to_contain_text("Traceback (most recent call last)")

    operator.locator(".ty-facts div", has_text="Dead letter").get_by_role("link", name="Open").click()
    operator.get_by_role("link", name="Reprocess", exact=True).click()
    operator.get_by_label("Change the payload").fill('{"url": "/api/health/live/"}')
    operator.get_by_label("Reason").fill("The address was an old one")
    operator.get_by_role("button", name="Reprocess").click()
    expect(operator.get_by_text("Look at what would change below, then press again")).to_be_visible()
    expect(operator.locator(".ty-diff .ty-new")).to_contain_text("/api/health/live/")
    operator.get_by_role("button", name="Reprocess").click()
    expect(operator.get_by_text("It was reprocessed.")).to_be_visible()
    operator.goto(f"/admin/tasks/task/{task}/change/")
    load_until(operator, operator.locator(".ty-heading").get_by_text("Completed", exact=True))
    expect(operator.locator("#attempt-2")).to_be_attached()


def test_a_bulk_reprocess_stops_itself_after_its_canary(operator: Page, installation: Taskyard, tmp_path: Path) -> None:
    broken = tmp_path / "the shop is down"
    broken.touch()
    work = {"type": "sample.work", "payload": {"fail_while": str(broken)}, "max_attempts": 1, "tags": ["orders"]}
    status, answer = installation.call("POST", "/api/tasks/bulk/", [work] * COUNT)
    assert status == 201, answer
    operator.goto("/admin/tasks/deadletter/?q=type:sample.work+resolution:open")
    sign_in(operator)
    load_until(operator, operator.get_by_text(re.compile(rf"\b{COUNT}\s+dead letters")).locator("visible=true"))
    operator.locator("#action-toggle").check()
    operator.get_by_text(re.compile(f"Select all {COUNT}")).click()
    operator.locator("select[name=action]").select_option("reprocess")
    operator.get_by_role("button", name="Run").click()
    operator.get_by_label("Reason").fill("The shop should be up again")
    operator.get_by_label("Canary").fill("5")
    operator.get_by_role("button", name=f"Reprocess: {COUNT} dead letters").click()
    expect(operator.get_by_text("What its guard sees")).to_be_visible()
    page = operator.url
    operator.evaluate("window.sameDocument = true")
    expect(operator.get_by_text("Stopped by its guard")).to_be_visible()
    expect(operator.get_by_text(re.compile(r"of the canary's 5 failed"))).to_be_visible()
    expect(operator.locator("#items tbody")).to_contain_text("Done")  # its items as well
    assert operator.evaluate("window.sameDocument") is True  # shown without a reload
    assert operator.url == page
    expect(operator.get_by_role("link", name="Pause")).to_have_count(0)
    stats = installation.call("GET", "/api/tasks/?tag=orders&status=failed&limit=100")[1]["results"]
    assert sorted(task["attempt"] for task in stats) == [1] * (COUNT - 5) + [2] * 5
    operator.get_by_role("link", name="Back to the same list").click()
    expect(operator).to_have_url(re.compile(r"/admin/tasks/deadletter/\?q=type"))


def test_a_paused_queue_is_seen_from_the_task_that_waits_and_resumed_by_the_keyboard(
    operator: Page, installation: Taskyard
) -> None:
    operator.goto("/admin/tasks/queue/data/")
    sign_in(operator)
    operator.get_by_role("link", name="Pause", exact=True).click()
    operator.get_by_label("Reason").fill("The disk is being changed")
    operator.get_by_role("button", name="Pause").click()
    expect(operator.get_by_text("The disk is being changed").first).to_be_visible()

    task = submitted(installation, type="sample.echo", queue="data", payload={"order": 17})
    address = f"/admin/tasks/task/{task}/change/"
    operator.goto(address)
    sentence = operator.locator(".ty-sentence")
    expect(sentence).to_contain_text(
        re.compile(r"The queue data is paused by admin since .* The disk is being changed")
    )
    for _ in range(60):
        operator.keyboard.press("Tab")
        if operator.evaluate("document.activeElement.className") == "ty-remedy":
            break
    operator.keyboard.press("Enter")
    expect(operator.get_by_text("What waits in it is started again")).to_be_visible()
    operator.get_by_role("button", name="Resume").press("Enter")
    expect(operator.get_by_text("The queue goes on.")).to_be_visible()
    operator.goto(address)
    load_until(operator, operator.locator(".ty-heading").get_by_text("Completed", exact=True))
    expect(sentence).to_have_count(0)
