"""The sidebar: what it lists, for whom, and how the current page is marked."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tasks.roles import VIEWER, permissions_of
from tests.tasks.access_table import ADMIN

pytestmark = pytest.mark.django_db


def listed(client: Client, address: str = "/admin/") -> dict[str, str]:
    groups = client.get(address).context["sidebar_navigation"]
    return {item["title"]: item["link"] for group in groups for item in group["items"]}


def test_what_operators_use_is_listed(root: Client) -> None:
    expected = {"Dashboard", "Tasks", "Dead letters", "Queues", "Workers", "API docs", "Users", "Groups"}
    assert expected | {"Periodic tasks", "Celery results", "Attempts"} <= set(listed(root))


def test_flower_is_listed_where_its_address_is_known(root: Client, settings: Any) -> None:
    settings.FLOWER_URL = ""
    assert "Flower" not in listed(root)
    settings.FLOWER_URL = "https://flower.example.com/"
    assert listed(root)["Flower"] == "https://flower.example.com/"
    assert 'target="_blank" rel="noopener noreferrer"' in root.get("/admin/").content.decode()


def test_nobody_is_led_where_they_may_not_go(sign_in: Callable[..., Client]) -> None:
    assert set(listed(sign_in("tasks.view_queue"))) - {"Flower"} == {"Dashboard", "Queues", "API docs", "API keys"}
    viewer = sign_in(*permissions_of(VIEWER))
    found = listed(viewer)
    assert "Users" not in found
    opens = {f"/admin/{address}" for method, address, _, code, *_ in ADMIN if (method, code) == ("GET", 200)}
    assert {address for title, address in found.items() if title not in ("Flower", "API docs")} <= opens


@pytest.mark.parametrize("name", ["queue", "worker", "task"])
def test_the_current_page_is_marked_and_no_other(name: str, root: Client, settings: Any) -> None:
    settings.FLOWER_URL = "https://flower.example.com/"
    address = reverse(f"admin:tasks_{name}_changelist")
    text = root.get(address).content.decode()
    assert text.count('aria-current="page"') == 1
    marked = text[: text.index('aria-current="page"')]
    assert f'href="{address}"' in marked[marked.rindex("<a ") :]


def test_groups_fold_by_keyboard_without_a_script(root: Client) -> None:
    text = root.get("/admin/").content.decode()
    assert text.count('<details class="ty-nav-group') == text.count("</details>") == 3


def test_the_environment_is_on_each_page(root: Client, settings: Any) -> None:
    settings.ENVIRONMENT = "staging"
    assert "staging" in root.get(reverse("admin:tasks_queue_changelist")).content.decode()
