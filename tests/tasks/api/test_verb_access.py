"""Each verb needs a right of its own; who has which role is in `test_access`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tasks.models import BulkAction, DeadLetter, FailureGroup, FailureRule, Queue, Task
from tests.tasks.api.conftest import Api
from tests.tasks.api.places import rows_for
from tests.tasks.rows import columns

pytestmark = pytest.mark.django_db


@pytest.fixture
def places(dead: Task, root: Api) -> dict[str, Any]:
    return rows_for(dead, root.user)


def picture() -> list[Any]:
    tasks = columns(Task.objects.values_list("id", flat=True))
    rest = (BulkAction, DeadLetter, FailureGroup, FailureRule, Queue)
    return [tasks, *(list(model.objects.order_by("pk").values()) for model in rest)]


def ask(api: Api, method: str, address: str, body: Any) -> int:
    sent = b"" if body is None else json.dumps(body).encode()
    return api.send(address, sent, method=method)[0]


@pytest.mark.parametrize(
    ("permissions", "address", "body", "code"),
    [
        (("tasks.change_task",), "tasks/{task}/retry/", {}, 403),  # the answer would show the task
        (("tasks.add_task", "tasks.delete_task"), "tasks/{task}/cancel/", {}, 403),
        (("tasks.view_task", "tasks.change_task"), "tasks/{task}/clone/", {}, 403),
        (("tasks.add_task",), "tasks/{task}/clone/", {}, 403),  # the copy would show its original
        (("tasks.view_task", "tasks.add_task"), "tasks/{task}/clone/", {}, 201),
        (("tasks.view_task", "tasks.change_task"), "dlq/tasks/{letter}/reprocess/", {}, 403),
        (("tasks.view_task", "tasks.change_task"), "queue-manager/queues/http/pause/", {}, 403),
        (("tasks.view_deadletter", "tasks.change_deadletter"), "tasks/{task}/retry/", {}, 403),
        (("tasks.view_queue", "tasks.change_queue"), "queue-manager/queues/http/pause/", {}, 200),
    ],
)
def test_each_verb_needs_its_own_right(
    permissions: tuple[str, ...], address: str, body: Any, code: int, places: Any, sign_in: Callable[..., Api]
) -> None:
    assert ask(sign_in(*permissions), "POST", address.format(**places), body) == code


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("PATCH", "tasks/{task}/"),
        ("POST", "tasks/{task}/retry/"),
        ("POST", "tasks/{task}/clone/"),
        ("POST", "dlq/tasks/{letter}/reprocess/"),
    ],
)
def test_who_may_not_see_payloads_cannot_change_them(
    method: str, address: str, places: Any, operator: Api, root: Api
) -> None:
    body = {"payload": {"to": "elsewhere"}}
    before = picture()
    assert ask(operator, method, address.format(**places), body) == 403
    assert picture() == before
    assert ask(root, method, address.format(**places), body) != 403


def test_a_session_needs_its_csrf_token_for_a_verb(root: Api, places: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    assert root.user is not None
    client.force_login(root.user)
    address = f"/api/tasks/{places['task']}/retry/"
    assert client.post(address, b"{}", content_type="application/json").status_code == 403
    assert Task.objects.get(pk=places["task"]).attempt == 1
    client.cookies["csrftoken"] = token = "c" * 32
    answer = client.post(address, b"{}", content_type="application/json", headers={"X-CSRFToken": token})
    assert answer.status_code == 200
