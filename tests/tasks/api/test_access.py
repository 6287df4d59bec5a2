"""Who gets what: every address as anonymous, as somebody without rights, as a viewer and as a superuser."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver

from config import api_router
from tasks.models import DeadLetter, Task
from tests.tasks.api import test_verb_access as verb_access
from tests.tasks.api.conftest import Api

pytestmark = pytest.mark.django_db

NOBODY = uuid.UUID(int=0)

# method, address, and the answer to: anonymous, without rights, viewer, superuser
TABLE = [
    ("GET", "health/live/", 200, 200, 200, 200),
    ("GET", "health/ready/", 200, 200, 200, 200),
    ("POST", "auth/token/", 400, 400, 400, 400),
    ("POST", "auth/token/refresh/", 400, 400, 400, 400),
    ("GET", "task-types/", 401, 200, 200, 200),  # what can be submitted here is no secret among users
    ("GET", "tasks/", 401, 403, 200, 200),
    ("HEAD", "tasks/", 401, 403, 200, 200),
    ("POST", "tasks/", 401, 403, 403, 201),
    ("POST", "tasks/bulk/", 401, 403, 403, 201),
    ("GET", "tasks/stats/", 401, 403, 200, 200),
    ("GET", "tasks/{task}/", 401, 403, 200, 200),
    ("GET", "tasks/{task}/attempts/", 401, 403, 200, 200),
    ("GET", "tasks/{task}/logs/", 401, 403, 403, 200),
    ("GET", "tasks/{task}/timeline/", 401, 403, 200, 200),
    ("GET", "tasks/{task}/why/", 401, 403, 409, 409),  # it is dead, and waits for nothing
    ("GET", "dlq/tasks/", 401, 403, 200, 200),
    ("GET", "dlq/groups/", 401, 403, 200, 200),
    ("GET", "dlq/groups/{group}/", 401, 403, 200, 200),
    ("GET", "dlq/rules/", 401, 403, 200, 200),
    ("GET", "dlq/rules/{rule}/", 401, 403, 200, 200),
    ("POST", "dlq/rules/try/", 401, 403, 400, 400),  # nothing that the others send is a rule
    ("GET", "dlq/stats/", 401, 403, 200, 200),
    ("GET", "bulk-actions/", 401, 403, 200, 200),
    ("GET", "bulk-actions/{bulk}/", 401, 403, 200, 200),
    ("GET", "bulk-actions/{bulk}/items/", 401, 403, 200, 200),
    ("GET", "bulk-actions/{nobody}/", 401, 403, 404, 404),
    ("GET", "bulk-actions/{nobody}/items/", 401, 403, 404, 404),
    ("GET", "queue-manager/queues/", 401, 403, 200, 200),
    ("GET", "queue-manager/status/", 401, 403, 200, 200),
    ("GET", "queue-manager/overloaded/", 401, 403, 200, 200),
    ("GET", "queue-manager/failed-count/", 401, 403, 200, 200),
    ("GET", "queue-manager/pending-count/", 401, 403, 200, 200),
    ("POST", "queue-manager/status/", 401, 403, 403, 405),
    ("GET", "dlq/tasks/{letter}/", 401, 403, 200, 200),
    # what is not there, and what cannot be done
    ("GET", "tasks/{nobody}/", 401, 403, 404, 404),
    ("GET", "tasks/{nobody}/attempts/", 401, 403, 404, 404),
    ("GET", "tasks/{nobody}/logs/", 401, 403, 404, 404),
    ("GET", "tasks/{nobody}/timeline/", 401, 403, 404, 404),
    ("GET", "tasks/{nobody}/why/", 401, 403, 404, 404),
    ("GET", "queue-manager/queues/nowhere/", 401, 403, 404, 404),
    ("GET", "dlq/tasks/{nobody}/", 401, 403, 404, 404),
    ("GET", "dlq/groups/nothing/", 401, 403, 404, 404),
    ("GET", "dlq/rules/999999/", 401, 403, 404, 404),
    ("GET", "tasks/bulk/", 401, 403, 405, 405),
    ("PUT", "tasks/", 401, 403, 403, 405),
    ("PUT", "tasks/{task}/", 401, 403, 403, 405),
    ("POST", "dlq/tasks/", 401, 403, 403, 405),
    ("OPTIONS", "tasks/", 401, 405, 405, 405),
    ("OPTIONS", "task-types/", 401, 405, 405, 405),
    ("POST", "health/live/", 405, 405, 405, 405),
    ("GET", "schema/", 401, 200, 200, 200),
    ("GET", "docs/", 401, 200, 200, 200),
    ("GET", "no/such/address/", 401, 404, 404, 404),
    ("POST", "no/such/address/", 401, 404, 404, 404),
]
WHO = ("anonymous", "without rights", "viewer", "superuser")


@pytest.fixture
def places(dead: Task) -> dict[str, Any]:
    return {"task": dead.id, "letter": DeadLetter.objects.get().id, "nobody": NOBODY, **verb_access.judgements()}


@pytest.mark.parametrize(("method", "address", "codes"), [(row[0], row[1], row[2:]) for row in TABLE])
def test_every_address_answers_each_as_the_table_says(
    method: str, address: str, codes: tuple[int, ...], places: Any, anonymous: Api, sign_in: Any, viewer: Api, root: Api
) -> None:
    before = Task.objects.count()
    for who, api, code in zip(WHO, (anonymous, sign_in(), viewer, root), codes, strict=True):
        body = {"bulk": b'[{"type": "sample.noop"}]'}.get(address.split("/")[1], b'{"type": "sample.noop"}')
        response = api.client.generic(
            method, f"/api/{address.format(**places)}", body, content_type="application/json", headers=api.headers
        )
        assert response.status_code == code, who
        page = address == "docs/" and code == 200
        assert response["Content-Type"] == ("text/html; charset=utf-8" if page else "application/json")
        if code >= 400 and method != "HEAD":
            assert set(response.json()) - {"status"} == {"type", "errors"}
            assert {frozenset(error) for error in response.json()["errors"]} == {frozenset(("code", "detail", "attr"))}
        if code == 401:
            assert response["WWW-Authenticate"].startswith("Bearer")
    assert Task.objects.count() == before + (1 if 201 in codes else 0)


def addresses(patterns: Any, before: str = "") -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, before + str(each.pattern))
        else:
            assert isinstance(each, URLPattern)
            yield before + str(each.pattern)


def test_the_table_has_every_address() -> None:
    letter = "dlq/tasks/<uuid:pk>/"
    names = {
        "task": "<uuid:pk>", "letter": "<uuid:pk>", "nobody": "<uuid:pk>", "queue": "<str:name>",
        "bulk": "<uuid:pk>", "group": "<str:fingerprint>", "rule": "<int:pk>",
    }  # fmt: skip
    asked = {row[1].format(**names) for row in [*TABLE, *verb_access.TABLE]}
    assert letter in asked
    assert set(addresses(api_router.urlpatterns)) - {r"[\s\S]*"} <= asked


@pytest.mark.parametrize("address", ["tasks/17/", "tasks/not-an-id/", "dlq/tasks/17/", "nothing/"])
def test_what_is_no_address_is_not_found(address: str, root: Api) -> None:
    assert root.client.get(f"/api/{address}", headers=root.headers).status_code == 404


@pytest.mark.parametrize(
    "permission", ["tasks.view_taskattempt", "tasks.change_task", "tasks.delete_task", "tasks.view_payload"]
)
def test_other_rights_are_not_the_right_to_read(permission: str, sign_in: Callable[..., Api]) -> None:
    api = sign_in(permission)
    assert api.get("tasks/")[0] == api.get("dlq/tasks/")[0] == api.post("tasks/", {})[0] == 403


def test_a_session_reads_and_writes_only_with_its_csrf_token(root: Api) -> None:
    client = Client(enforce_csrf_checks=True)
    assert root.user is not None
    client.force_login(root.user)
    assert client.get("/api/tasks/").status_code == 200
    body = b'{"type": "sample.noop"}'
    assert client.post("/api/tasks/", body, content_type="application/json").status_code == 403
    client.cookies["csrftoken"] = token = "c" * 32
    headers = {"X-CSRFToken": token}
    assert client.post("/api/tasks/", body, content_type="application/json", headers=headers).status_code == 201
    assert Task.objects.count() == 1


# --- Payloads, results, logs and tracebacks are for those with the permission -----------------------------------------


def test_what_may_be_secret_is_hidden_without_the_permission(viewer: Api, completed: Task, dead: Task) -> None:
    letter = DeadLetter.objects.get().id
    for address in (
        "tasks/", f"tasks/{completed.id}/", f"tasks/{dead.id}/", f"tasks/{completed.id}/attempts/",
        f"tasks/{dead.id}/attempts/", "dlq/tasks/", f"dlq/tasks/{letter}/",
    ):  # fmt: skip
        code, body = viewer.get(address)
        assert code == 200
        assert "secret" not in str(body), address
    assert viewer.get(f"tasks/{completed.id}/")[1]["payload"] is None
    code, body = viewer.get(f"tasks/{completed.id}/logs/")
    assert (code, body["errors"][0]["detail"]) == (403, "logs need the permission tasks.view_payload")


def test_with_the_permission_all_is_shown(sign_in: Callable[..., Api], completed: Task, dead: Task) -> None:
    api = sign_in("tasks.view_task", "tasks.view_deadletter", "tasks.view_payload")
    task = api.get(f"tasks/{completed.id}/")[1]
    assert (task["payload"], task["result"]) == ({"what": "secret payload"}, {"what": "secret result"})
    assert [each["payload"] for each in api.get("tasks/")[1]["results"]] == [{"what": "secret payload"}] * 2
    first, second = api.get(f"tasks/{completed.id}/attempts/")[1]["results"]
    assert (first["traceback"], second["result"]) == ("secret traceback", {"what": "secret result"})
    assert api.get("dlq/tasks/")[1]["results"][0]["traceback"] == "secret traceback"
    assert api.get(f"tasks/{completed.id}/logs/")[1]["results"][0]["message"] == "line"
