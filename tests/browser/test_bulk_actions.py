"""An operator reprocesses everything that a list shows, and watches the guard stop it."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tasks.models import BulkAction, DeadLetter, Task
from tasks.services.bulk_actions.running import do_bulk_actions
from tasks.states import BulkStatus, TaskStatus
from tests.browser.test_verbs import admin  # noqa: F401  (a fixture)
from tests.tasks.rows import TERM, lead
from tests.tasks.services.bulk_actions.conftest import dead_letters
from tests.tasks.services.bulk_actions.test_guard import work

pytestmark = pytest.mark.browser

COUNT = 60  # more than a page shows


def test_a_bulk_reprocess_is_confirmed_watched_and_stops_by_itself(
    admin: Page,  # noqa: F811
    complaints: list[str],
    settings: Any,
) -> None:
    settings.GUARD_CANARY = 5
    broken = dead_letters(COUNT)
    lead()
    admin.goto("/admin/tasks/deadletter/?queue=default")
    admin.locator("#action-toggle").check()
    admin.get_by_text(re.compile(f"Select all {COUNT}")).click()
    admin.locator("select[name=action]").select_option("reprocess")
    admin.get_by_role("button", name="Run").click()
    expect(admin.get_by_text("dead letters with queue default")).to_be_visible()
    admin.get_by_label("Reason").fill("The shop is up again")
    admin.get_by_role("button", name=f"Reprocess: {COUNT} dead letters").click()
    expect(admin.get_by_text("What its guard sees")).to_be_visible()
    page = admin.url
    admin.evaluate("window.sameDocument = true")
    do_bulk_actions(TERM, seconds=30)
    expect(admin.get_by_text("waits for the canary: 0 of 5 have ended")).to_be_visible()
    work(broken)
    do_bulk_actions(TERM, seconds=30)
    expect(admin.get_by_text("5 of the canary's 5 failed")).to_be_visible()
    expect(admin.get_by_text("Stopped by its guard")).to_be_visible()
    assert admin.evaluate("window.sameDocument") is True  # shown without a reload
    assert admin.url == page
    expect(admin.get_by_role("link", name="Pause")).to_have_count(0)
    assert BulkAction.objects.get().status == BulkStatus.STOPPED
    assert DeadLetter.objects.filter(resolution="reprocessed").count() == 5
    assert Task.objects.filter(status=TaskStatus.FAILED, attempt=1).count() == COUNT - 5
    admin.get_by_role("link", name="Back to the same list").click()
    expect(admin).to_have_url(re.compile(r"/admin/tasks/deadletter/\?queue=default$"))
    assert complaints == []
