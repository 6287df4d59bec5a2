"""What is shown to whom, and that stored text is never markup."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tasks.models import Queue, Task
from tests.tasks.admin.conftest import NASTY

pytestmark = pytest.mark.django_db

VIEW = ("tasks.view_task", "tasks.view_taskattempt", "tasks.view_deadletter")
TASK_SECRETS = ("payload", "traceback", "details", "log", "field")
LETTER_SECRETS = ("traceback", "body", "death")
ATTEMPT_SECRETS = ("traceback", "details")


def page_of(kind: str, task: Task) -> str:
    pk = {"task": task.pk, "taskattempt": task.attempts.get().pk, "deadletter": task.dead_letters.get().pk}[kind]
    return reverse(f"admin:tasks_{kind}_change", args=[pk])


@pytest.mark.parametrize(
    ("kind", "secrets"), [("task", TASK_SECRETS), ("deadletter", LETTER_SECRETS), ("taskattempt", ATTEMPT_SECRETS)]
)
def test_contents_are_for_those_with_the_permission(
    kind: str, secrets: tuple[str, ...], sign_in: Callable[..., Client], storied_task: Task
) -> None:
    address = page_of(kind, storied_task)
    hidden = sign_in(*VIEW).get(address).content.decode()
    shown = sign_in(*VIEW, "tasks.view_payload").get(address).content.decode()
    assert "<script>alert" not in hidden + shown
    for word in secrets:
        assert f"{word} &lt;script&gt;" in shown
        assert f"{word} &lt;" not in hidden
        assert f"{word} <" not in hidden
    assert "needs the permission tasks.view_payload" in hidden
    assert "needs the permission tasks.view_payload" not in shown


@pytest.mark.parametrize("word", ["name", "tag", "worker", "key", "error", "class", "reason", "progress"])
def test_everything_else_is_for_every_viewer_and_escaped(
    word: str, sign_in: Callable[..., Client], storied_task: Task
) -> None:
    address = page_of("task", storied_task)
    text = sign_in(*VIEW).get(address).content.decode()
    assert "<script>alert" not in text
    assert f"{word} &lt;script&gt;alert(1)&lt;/script&gt;" in text


@pytest.mark.parametrize("name", ["task", "taskattempt", "deadletter", "worker", "queue"])
def test_lists_are_escaped(name: str, root: Client, storied_task: Task, make_worker: Callable[..., object]) -> None:
    make_worker(NASTY, types={NASTY: "plain"})
    Queue.objects.create(name="reports", description=NASTY)
    text = root.get(reverse(f"admin:tasks_{name}_changelist")).content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_page_of_a_worker_is_escaped(root: Client, make_worker: Callable[..., object]) -> None:
    make_worker("w", host=NASTY, types={NASTY: "plain"})
    assert "<script>alert" not in root.get(reverse("admin:tasks_worker_change", args=["w"])).content.decode()


@pytest.mark.parametrize(
    "query", ["payload__contains=a", "payload__url=x", "idempotency_hash=a", "created_by__password=x"]
)
def test_lists_are_not_filtered_by_what_they_do_not_show(
    query: str, root: Client, storied_task: Task, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = reverse("admin:tasks_task_changelist")
    response = root.get(f"{tasks}?status=failed&{query}", follow=True)
    assert response.redirect_chain == [(f"{tasks}?status=failed", 302)]
    assert "This list is not filtered by &#x27;" in response.content.decode()
    assert caplog.records == []


def test_a_filter_by_nul_is_no_error_of_the_server(root: Client) -> None:
    response = root.get(f"{reverse('admin:tasks_task_changelist')}?type=%00")
    assert response.context["cl"].search_errors == ["Type: the value holds the control character '\\x00'."]
