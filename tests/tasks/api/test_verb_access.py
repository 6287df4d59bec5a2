"""Who may change what: every verb as anonymous, without rights, as viewer, operator and superuser."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tasks import database, failure_groups
from tasks.models import BulkAction, DeadLetter, FailureGroup, FailureRule, Queue, Task
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_bulk_action, columns

pytestmark = pytest.mark.django_db

NOBODY = uuid.UUID(int=0)
ALL = {"confirm_count": 1}

# method, address, body, and the answer to an operator and to a superuser; 401, 403, 403 to the others.
TABLE: list[tuple[str, str, Any, int]] = [
    ("PATCH", "tasks/{task}/", {"name": "x"}, 409),
    ("DELETE", "tasks/{task}/", None, 409),
    ("POST", "tasks/{task}/cancel/", {}, 409),
    ("POST", "tasks/{task}/retry/", {}, 200),
    ("POST", "tasks/{task}/clone/", {}, 201),
    ("POST", "tasks/{task}/compensate/", {}, 409),
    ("POST", "tasks/{task}/run-now/", {}, 409),
    ("POST", "tasks/{task}/priority/", {"priority": 9}, 409),
    ("POST", "tasks/cancel/", {"ids": [str(NOBODY)]}, 200),
    ("POST", "tasks/retry/", {"ids": [str(NOBODY)]}, 200),
    ("POST", "tasks/priority/", {"ids": [str(NOBODY)], "priority": 9}, 200),
    ("POST", "tasks/run-now/", {"ids": [str(NOBODY)]}, 200),
    ("POST", "dlq/tasks/{letter}/reprocess/", {}, 200),
    ("POST", "dlq/tasks/{letter}/discard/", {"reason": "x"}, 200),
    ("POST", "dlq/reprocess/", ALL, 200),
    ("POST", "dlq/discard/", ALL | {"reason": "x"}, 200),
    ("POST", "dlq/reprocess/preview/", {}, 200),
    ("POST", "dlq/groups/{group}/resolve/", {}, 200),
    ("POST", "dlq/groups/{group}/ignore/", {"reason": "x"}, 200),
    ("POST", "dlq/groups/{group}/reopen/", {}, 409),
    ("POST", "dlq/groups/{group}/reprocess/", ALL, 200),
    ("POST", "dlq/groups/{group}/discard/", ALL | {"reason": "x"}, 200),
    ("POST", "dlq/rules/", {"type": "a", "verdict": "die"}, 201),
    ("PATCH", "dlq/rules/{rule}/", {"enabled": False}, 200),
    ("DELETE", "dlq/rules/{rule}/", None, 204),
    ("PATCH", "queue-manager/queues/{queue}/", {"rate_limit": 5}, 200),
    ("POST", "queue-manager/queues/{queue}/pause/", {}, 200),
    ("POST", "queue-manager/queues/{queue}/resume/", {}, 200),
    ("POST", "bulk-actions/", {"verb": "cancel", "reason": "r", "expected_count": 1}, 201),
    ("POST", "bulk-actions/", {"verb": "cancel", "dry_run": True}, 200),
    ("POST", "bulk-actions/{bulk}/pause/", {}, 200),
    ("POST", "bulk-actions/{bulk}/resume/", {}, 409),
    ("POST", "bulk-actions/{bulk}/abort/", {}, 200),
    *(("POST", f"bulk-actions/{{nobody}}/{verb}/", {}, 404) for verb in ("pause", "resume", "abort")),
    ("PATCH", "tasks/{nobody}/", {}, 404),
    ("DELETE", "tasks/{nobody}/", None, 404),
    *(
        ("POST", f"tasks/{{nobody}}/{verb}/", {}, 404)
        for verb in ("cancel", "retry", "clone", "compensate", "run-now", "priority")
    ),
    ("POST", "dlq/tasks/{nobody}/reprocess/", {}, 404),
    ("POST", "dlq/tasks/{nobody}/discard/", {}, 404),
    *(("POST", f"dlq/groups/nothing/{verb}/", ALL | {"reason": "x"}, 404) for verb in ("reprocess", "discard")),
    *(("POST", f"dlq/groups/nothing/{verb}/", {"reason": "x"}, 404) for verb in ("resolve", "ignore", "reopen")),
    ("PATCH", "dlq/rules/999999/", {}, 404),
    ("DELETE", "dlq/rules/999999/", None, 404),
    ("PATCH", "queue-manager/queues/nowhere/", {}, 404),
    ("POST", "queue-manager/queues/nowhere/pause/", {}, 404),
    ("POST", "queue-manager/queues/nowhere/resume/", {}, 404),
    ("GET", "tasks/{task}/retry/", None, 405),
    ("DELETE", "queue-manager/queues/{queue}/", None, 405),
]


@pytest.fixture
def places(dead: Task) -> dict[str, Any]:
    letter = DeadLetter.objects.get().id
    return {"task": dead.id, "letter": letter, "nobody": NOBODY, "queue": "http", **judgements()}


def judgements() -> dict[str, Any]:
    """The group of what is dead, a rule, and a bulk action."""
    failure_groups.fold_changes()
    rule = FailureRule.objects.create(type="b", verdict="die", changed_at=database.now())
    return {
        "group": FailureGroup.objects.get().pk,
        "rule": rule.pk,
        "bulk": a_bulk_action(Task.objects.earliest("pk")).pk,
    }


def picture() -> list[Any]:
    tasks = columns(Task.objects.values_list("id", flat=True))
    rest = (BulkAction, DeadLetter, FailureGroup, FailureRule, Queue)
    return [tasks, *(list(model.objects.order_by("pk").values()) for model in rest)]


def ask(api: Api, method: str, address: str, body: Any) -> int:
    sent = b"" if body is None else json.dumps(body).encode()
    return api.send(address, sent, method=method)[0]


@pytest.mark.parametrize(("method", "address", "body", "code"), TABLE)
def test_those_without_the_right_are_refused_and_change_nothing(
    method: str, address: str, body: Any, code: int, places: Any, anonymous: Api, sign_in: Any, viewer: Api
) -> None:
    before = picture()
    place = address.format(**places)
    # What only reads is for viewers as well, and 405 comes after the right to read.
    for_viewer = 405 if method == "GET" else 403
    assert ask(anonymous, method, place, body) == 401
    assert ask(sign_in(), method, place, body) == 403
    assert ask(viewer, method, place, body) == for_viewer
    assert picture() == before


@pytest.mark.parametrize("who", ["operator", "root"])
@pytest.mark.parametrize(("method", "address", "body", "code"), TABLE)
def test_those_with_the_right_are_answered(
    method: str, address: str, body: Any, code: int, who: str, places: Any, request: pytest.FixtureRequest
) -> None:
    assert ask(request.getfixturevalue(who), method, address.format(**places), body) == code


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
