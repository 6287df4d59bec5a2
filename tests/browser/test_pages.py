"""Every page over an installation with something in it: in both themes, on a phone, from no other host, and pictured.

The pictures go to a temporary folder; with TASKYARD_SCREENSHOTS=1 to docs/screenshots, for the README.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.scene import night

pytestmark = pytest.mark.browser

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
KEPT = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
COLOURS = 128  # a page has few: a palette halves its file, and nobody sees it


def picture(page: Page, folder: Path, name: str) -> None:
    """Writes what the window shows, in both themes."""
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # which the admin's frame only reads when it loads
        page.evaluate("theme => document.documentElement.classList.toggle('dark', theme === 'dark')", theme)
        page.screenshot(path=folder / f"{name}-{theme}.png", animations="disabled", caret="hide")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where pictures go first; those that are to stay are made small."""
    yield tmp_path
    if os.environ.get("TASKYARD_SCREENSHOTS"):
        for taken in tmp_path.glob("*.png"):
            image = Image.open(taken).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
            image.save(KEPT / taken.name, optimize=True)


def test_every_page_opens_fits_and_is_pictured(
    admin: Page, complaints: list[str], folder: Path, settings: pytest.FixtureRequest
) -> None:
    settings.WORKER_ONLINE_SECONDS, settings.ENVIRONMENT = 600, "production"  # type: ignore[attr-defined]
    scene = night(User.objects.get())
    tasks = "/admin/tasks"
    pictured = {
        "/admin/": "dashboard",
        f"{tasks}/task/": "tasks",
        f"{tasks}/task/{scene.failed.pk}/change/": "failed-task",
        f"{tasks}/task/{scene.waiting.pk}/change/": "waiting-task",
        f"{tasks}/deadletter/": "dead-letters",
        f"{tasks}/failuregroup/{scene.group.pk}/change/": "group",
        f"{tasks}/failurerule/{scene.rule.pk}/change/": "rule",
        f"{tasks}/bulkaction/{scene.stopped.pk}/change/": "bulk-action",
        f"{tasks}/queue/": "queues",
        f"{tasks}/worker/": "workers",
        "/api/docs/": "api-docs",
    }
    others = [f"{tasks}/deadletter/{scene.letter.pk}/change/", f"{tasks}/failuregroup/", f"{tasks}/failurerule/"]
    others.append(f"{tasks}/queue/http/")
    hosts: set[str] = set()
    admin.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    admin.set_viewport_size(WIDE)  # type: ignore[arg-type]
    admin.goto("/admin/")
    links = admin.locator("#nav-sidebar-apps a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert len(links) >= 8
    for address in dict.fromkeys([*pictured, *others, *links]):
        answer = admin.goto(address)
        assert answer is not None
        assert answer.status == 200, address
        expect(admin.locator("#swagger-ui .opblock-tag-section, #content-main").first).to_be_visible()
        if name := pictured.get(address):
            picture(admin, folder, name)
        if address.startswith(tasks) or address == "/admin/":
            admin.set_viewport_size(PHONE)  # type: ignore[arg-type]
            assert admin.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], address
            if name in ("dashboard", "failed-task"):
                picture(admin, folder, f"{name}-phone")
            admin.set_viewport_size(WIDE)  # type: ignore[arg-type]
    admin.context.clear_cookies()
    admin.goto("/admin/")
    expect(admin.get_by_label("Username")).to_be_visible()
    picture(admin, folder, "sign-in")
    assert hosts == {admin.url.split("/")[2]}
    assert complaints == []
