"""A Chromium that notes everything that goes wrong in it, and two things to drive: pages over rows, and bin/up."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

from tests.embedded.running import Taskyard, taskyard

SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# Milliseconds after which something is not going to come any more. Nothing waits so long unless a test is to fail.
PATIENCE = 60_000


# They live as long as this folder's tests: the next ones may want an event loop of their own.


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    # Playwright keeps an event loop in this thread, where Django would refuse to ask the database; nothing here awaits.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=SWITCHES
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taskyard]:
    """bin/up with all its processes, on an empty database: one for all journeys, each with rows of its own."""
    with taskyard(tmp_path_factory.mktemp("home"), "--empty", WORKER_CONCURRENCY="1") as running:
        running.log_in()
        yield running


@pytest.fixture
def complaints() -> list[str]:
    """What the browser complained of so far; the test of a page looks at it, and it has to stay empty."""
    return []


@pytest.fixture
def open_page(chromium: Browser, complaints: list[str]) -> Callable[..., Any]:
    """Gives a page of a new context below an address."""

    @contextmanager
    def open_page(address: str, **options: Any) -> Iterator[Page]:
        context = chromium.new_context(base_url=address, **{"viewport": {"width": 1440, "height": 900}} | options)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        _listen(page, complaints)
        try:
            yield page
        finally:
            context.close()

    return open_page


def _listen(page: Page, complaints: list[str]) -> None:
    def console(message: ConsoleMessage) -> None:
        # The icon of the site is asked for by the browser itself, and its answer is not the page's business.
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            complaints.append(f"console: {message.text} ({page.url})")

    def response(answer: Response) -> None:
        if answer.status >= 400:
            complaints.append(f"{answer.status} {answer.url}")

    page.on("console", console)
    page.on("response", response)
    page.on("pageerror", lambda error: complaints.append(f"script: {error} ({page.url})"))


@pytest.fixture
def admin(open_page: Callable[..., Any], complaints: list[str], live_server: Any) -> Iterator[Page]:
    """A superuser's page, signed in by a cookie, over a server in this process: no engine runs behind it."""
    client = Client()
    client.force_login(User.objects.create_superuser("olga"))
    with open_page(live_server.url) as page:
        page.context.add_cookies(
            [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
        )
        yield page
    assert complaints == []
