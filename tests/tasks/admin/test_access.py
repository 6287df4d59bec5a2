"""Every page as anonymous, as staff without rights, as a viewer, and as a superuser."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tasks.models import Task, TaskAttempt
from tests.tasks.admin.conftest import NASTY
from tests.tasks.rows import a_bulk_action

pytestmark = pytest.mark.django_db

OURS = ("task", "taskattempt", "deadletter", "queue", "worker", "bulkaction")
OTHERS = (
    ("auth", "user"),
    ("auth", "group"),
    ("django_celery_beat", "periodictask"),
    ("django_celery_beat", "intervalschedule"),
    ("django_celery_beat", "crontabschedule"),
    ("django_celery_beat", "solarschedule"),
    ("django_celery_beat", "clockedschedule"),
    ("django_celery_results", "taskresult"),
)
LISTS = [*(("tasks", name) for name in OURS), *OTHERS]


@pytest.fixture
def rows(storied_task: Task, make_worker: Any) -> dict[str, Any]:
    """One row of each of our own screens."""
    attempt = TaskAttempt.objects.get(task=storied_task)
    return {
        "task": storied_task.pk,
        "taskattempt": attempt.pk,
        "deadletter": storied_task.dead_letters.get().pk,
        "queue": "http",
        "worker": make_worker("w@here").pk,
        "bulkaction": a_bulk_action(storied_task, words=f"words {NASTY}", reason=f"reason {NASTY}").pk,
    }


def lists_address(app: str, name: str) -> str:
    return reverse(f"admin:{app}_{name}_changelist")


@pytest.mark.parametrize(("app", "name"), LISTS)
class TestLists:
    def test_anonymous_is_sent_to_the_login(self, app: str, name: str, client: Client) -> None:
        response = client.get(lists_address(app, name))
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/")

    def test_staff_without_rights_is_refused(self, app: str, name: str, sign_in: Callable[..., Client]) -> None:
        assert sign_in().get(lists_address(app, name)).status_code == 403

    def test_a_viewer_sees_it_and_cannot_add(self, app: str, name: str, sign_in: Callable[..., Client]) -> None:
        viewer = sign_in(f"{app}.view_{name}")
        assert viewer.get(lists_address(app, name)).status_code == 200
        assert viewer.get(reverse(f"admin:{app}_{name}_add")).status_code == 403

    def test_a_superuser_sees_it(self, app: str, name: str, root: Client, rows: Any) -> None:
        assert root.get(lists_address(app, name)).status_code == 200


@pytest.mark.parametrize("name", OURS)
class TestPages:
    def address(self, name: str, rows: dict[str, Any], action: str = "change") -> str:
        return reverse(f"admin:tasks_{name}_{action}", args=[rows[name]])

    def test_anonymous_is_sent_to_the_login(self, name: str, rows: Any, client: Client) -> None:
        response = client.get(self.address(name, rows))
        assert response.status_code == 302
        assert response["Location"].startswith("/admin/login/")

    def test_staff_without_rights_is_refused(self, name: str, rows: Any, sign_in: Callable[..., Client]) -> None:
        assert sign_in().get(self.address(name, rows)).status_code == 403

    def test_a_viewer_sees_it_and_changes_nothing(self, name: str, rows: Any, sign_in: Callable[..., Client]) -> None:
        viewer = sign_in(f"tasks.view_{name}")
        assert viewer.get(self.address(name, rows)).status_code == 200
        assert viewer.post(self.address(name, rows), {}).status_code == 403
        assert viewer.get(self.address(name, rows, "delete")).status_code == 403

    def test_a_superuser_sees_it_and_deletes_nothing(self, name: str, rows: Any, root: Client) -> None:
        assert root.get(self.address(name, rows)).status_code == 200
        assert root.get(self.address(name, rows, "history")).status_code == 200
        assert root.post(self.address(name, rows, "delete"), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("name", OURS)
def test_a_row_that_is_gone_leads_back_and_is_no_error(name: str, root: Client) -> None:
    response = root.get(reverse(f"admin:tasks_{name}_change", args=["nothing"]), follow=True)
    assert response.status_code == 200
    assert "exist. Perhaps it was deleted?" in response.content.decode()


@pytest.mark.parametrize("name", [name for name in OURS if name != "task"])
def test_what_the_engine_writes_is_added_by_nobody(name: str, root: Client) -> None:
    assert root.get(reverse(f"admin:tasks_{name}_add")).status_code == 403


@pytest.mark.parametrize("name", OURS)
def test_what_the_engine_writes_is_edited_by_nobody(name: str, root: Client, rows: Any) -> None:
    assert root.post(reverse(f"admin:tasks_{name}_change", args=[rows[name]]), {"name": "x"}).status_code == 403


@pytest.mark.parametrize("name", OURS)
def test_no_list_deletes(name: str, root: Client, rows: Any) -> None:
    fields = {"action": "delete_selected", "_selected_action": [rows[name]], "post": "yes"}
    root.post(lists_address("tasks", name), fields)
    assert root.get(reverse(f"admin:tasks_{name}_change", args=[rows[name]])).status_code == 200


def test_the_index_is_open_to_staff(sign_in: Callable[..., Client], client: Client) -> None:
    assert sign_in().get("/admin/").status_code == 200
    assert client.get("/admin/").status_code == 302
