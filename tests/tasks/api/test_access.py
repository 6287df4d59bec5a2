"""Who gets what: every address and every method as anybody, by the table of `tests.tasks.access_table`."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, resolve
from rest_framework_simplejwt.tokens import RefreshToken

from config import api_router
from tasks.models import AuditEntry, DeadLetter, Task
from tests.tasks.access_table import API, NEEDS_NO_RIGHT, WHO, body_of
from tests.tasks.api.conftest import Api
from tests.tasks.api.places import rows_for

pytestmark = pytest.mark.django_db

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def member_of(role: str) -> Api:
    user = User.objects.create(username=role)
    user.groups.set(Group.objects.filter(name=role.capitalize()))
    assert user.groups.count() == (role != "nothing")
    token = RefreshToken.for_user(user).access_token
    return Api(user, Client(raise_request_exception=False), {"Authorization": f"Bearer {token}"})


@pytest.fixture
def people(anonymous: Api) -> dict[str, Api]:
    return {"anonymous": anonymous, **{who: member_of(who) for who in WHO[1:]}}


@pytest.fixture
def places(dead: Task, people: dict[str, Api]) -> dict[str, Any]:
    return rows_for(dead, people["viewer"].user)


def ask(api: Api, method: str, address: str, body: Any) -> Any:
    """Returns the answer, and takes back what was changed."""
    sent = b"" if body is None else json.dumps(body).encode()
    with transaction.atomic():
        before = AuditEntry.objects.count()
        answer = api.client.generic(
            method, f"/api/{address}", sent, content_type="application/json", headers=api.headers
        )
        assert answer.status_code < 400 or AuditEntry.objects.count() == before, "refused, and done all the same"
        transaction.set_rollback(True)
    return answer


def test_every_address_answers_each_as_the_table_says(people: dict[str, Api], places: dict[str, Any]) -> None:
    wrong = []
    for method, address, *codes in API:
        for who, code in zip(WHO, codes, strict=True):
            answer = ask(people[who], method, address.format(**places), body_of(method, address))
            if answer.status_code != code:
                wrong.append(f"{method} {address}: {who} got {answer.status_code}, and the table says {code}")
            else:
                check_form(answer, method, address)
    assert not wrong, "\n".join(wrong)


def check_form(answer: Any, method: str, address: str) -> None:
    code = answer.status_code
    if code == 401:
        assert answer["WWW-Authenticate"].startswith("Bearer")
    if code == 204 or method == "HEAD":
        return
    is_page = address == "docs/" and code == 200
    assert answer["Content-Type"] == ("text/html; charset=utf-8" if is_page else "application/json"), address
    if code >= 400:
        assert set(answer.json()) - {"status", "count"} == {"type", "errors"}
        assert {frozenset(error) for error in answer.json()["errors"]} == {frozenset(("code", "detail", "attr"))}


def test_without_a_role_there_is_nothing_to_see_or_do(people: dict[str, Api], places: dict[str, Any]) -> None:
    stranger = member_of("nothing")
    for method, address, *_ in API:
        if not address.startswith(NEEDS_NO_RIGHT) and method != "OPTIONS":
            answer = ask(stranger, method, address.format(**places), body_of(method, address))
            assert answer.status_code == 403, f"{method} {address}"


def test_other_methods_are_refused_to_everybody(people: dict[str, Api], places: dict[str, Any]) -> None:
    known = {(method, address) for method, address, *_ in API}
    for address in sorted({address for _, address in known if "nobody" not in address and "such" not in address}):
        for method in METHODS:
            if (method, address) not in known and "?" not in address:
                answer = ask(people["administrator"], method, address.format(**places), {})
                assert answer.status_code in (403, 405), f"{method} {address}"


def addresses(patterns: Any, before: str = "") -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, before + str(each.pattern))
        else:
            assert isinstance(each, URLPattern)
            yield before + str(each.pattern)


def test_the_table_has_every_address(places: dict[str, Any]) -> None:
    asked = {resolve("/api/" + address.format(**places).partition("?")[0]).route for _, address, *_ in API}
    every = {f"api/{route}" for route in addresses(api_router.urlpatterns)}
    assert every - asked == set(), "add them to tests/tasks/access_table.py"


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
