"""Who gets what: every page and every form as anybody, by the table of `tests.tasks.access_table`."""

from collections.abc import Iterator
from copy import copy
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, resolve

from config import urls  # noqa: F401 - registers every page
from tasks.models import AuditEntry, Task
from tasks.states import FailureCategory
from tests.tasks.access_table import ADMIN, ADMIN_NEEDS_NO_RIGHT, WHO, form_of
from tests.tasks.admin.places import places_for
from tests.tasks.rows import a_dead_task

pytestmark = pytest.mark.django_db


def member_of(role: str, *, is_staff: bool = True, is_superuser: bool = False) -> Client:
    user = User.objects.create(username=role, is_staff=is_staff, is_superuser=is_superuser)
    user.groups.set(Group.objects.filter(name=role.capitalize()))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def people(db: None) -> dict[str, Client]:
    return {"anonymous": Client(raise_request_exception=False), **{who: member_of(who) for who in WHO[1:]}}


@pytest.fixture
def places(people: dict[str, Client], make_worker: Any) -> dict[str, Any]:
    dead = a_dead_task(payload={"what": "secret payload"}, category=FailureCategory.HTTP_4XX)
    return places_for(dead, User.objects.get(username="viewer"), make_worker("w@here"))


def traces() -> tuple[int, int]:
    """What any change adds to: a task is submitted without an entry in the audit trail, as it says itself by whom."""
    return AuditEntry.objects.count(), Task.objects.count()


def ask(client: Client, method: str, address: str, places: dict[str, Any]) -> tuple[Any, bool]:
    """Returns the answer and whether it changed something, and takes that back."""
    form = {name: str(places.get(text.strip("{}"), text)) for name, text in form_of(address).items()}
    cookies = copy(client.cookies)  # some answers end the session
    with transaction.atomic():
        before = traces()
        place = f"/admin/{address.format(**places)}"
        answer = client.get(place) if method == "GET" else client.post(place, form)
        is_changed = traces() != before
        transaction.set_rollback(True)
    client.cookies = cookies
    return answer, is_changed


def is_sent_to_login(answer: Any) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith("/admin/login/?next=")


def test_every_address_answers_each_as_the_table_says(people: dict[str, Client], places: dict[str, Any]) -> None:
    wrong = []
    for method, address, *codes in ADMIN:
        for who, code in zip(WHO, codes, strict=True):
            answer, is_changed = ask(people[who], method, address, places)
            said = f"{method} {address}: {who}"
            if answer.status_code != code:
                wrong.append(f"{said} got {answer.status_code}, and the table says {code}")
            elif who == "anonymous":
                open_to_all = address in ("login/", "logout/")
                wrong += [] if is_sent_to_login(answer) != open_to_all and not is_changed else [f"{said} came in"]
            elif code == 302 and is_changed != (method == "POST" and is_theirs(who, address)):
                wrong.append(f"{said} {'changed something' if is_changed else 'was led away, and nothing was changed'}")
            elif code == 403 and is_changed:
                wrong.append(f"{said} was refused, and it was done all the same")
    assert not wrong, "\n".join(wrong)


def is_theirs(who: str, address: str) -> bool:
    return "apikey" not in address or who != "operator"


def addresses(patterns: Any, before: str = "") -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, before + str(each.pattern))
        else:
            assert isinstance(each, URLPattern)
            yield before + str(each.pattern).removeprefix("^")


def test_the_table_has_every_address(places: dict[str, Any]) -> None:
    asked = {resolve("/admin/" + address.format(**places).partition("?")[0]).route for _, address, *_ in ADMIN}
    every = {f"admin/{route}" for route in addresses(admin.site.get_urls())}
    assert every - asked == set(), "add them to tests/tasks/access_table.py"


def test_without_a_role_there_is_nothing_to_see_or_do(places: dict[str, Any]) -> None:
    stranger = member_of("nothing")
    for method, address, _, viewer, *_ in ADMIN:
        is_open = address in ("", "tasks/") or address.startswith(ADMIN_NEEDS_NO_RIGHT)
        if not is_open and viewer in (200, 403):
            answer, is_changed = ask(stranger, method, address, places)
            assert (answer.status_code, is_changed) == (403, False), f"{method} {address}"


def test_what_administrators_are_refused_superusers_are_as_well(places: dict[str, Any]) -> None:
    root = member_of("root", is_superuser=True)
    for method, address, *_, administrator in ADMIN:
        if administrator == 403 and address.startswith(("tasks/", "auth/")):
            answer, is_changed = ask(root, method, address, places)
            assert (answer.status_code, is_changed) == (403, False), f"{method} {address}"


def test_who_is_no_member_of_staff_is_sent_to_the_login(db: None) -> None:
    client = member_of("administrator", is_staff=False)
    assert all(is_sent_to_login(client.get(f"/admin/{place}")) for place in ("", "tasks/task/", "auth/user/add/"))


@pytest.mark.parametrize("name", ["task", "queue"])
def test_a_row_that_is_gone_leads_back_and_is_no_error(name: str, root: Client) -> None:
    response = root.get(f"/admin/tasks/{name}/nothing/change/", follow=True)
    assert response.status_code == 200
    assert "exist. Perhaps it was deleted?" in response.content.decode()


def test_no_list_deletes(root: Client, places: dict[str, Any]) -> None:
    names = {"task": "task", "taskattempt": "attempt", "deadletter": "letter", "failuregroup": "group"}
    names |= {"failurerule": "rule", "bulkaction": "bulk", "queue": "queue", "worker": "worker"}
    for model, name in names.items():
        fields = {"action": "delete_selected", "_selected_action": [places[name]], "post": "yes"}
        root.post(f"/admin/tasks/{model}/", fields)
        assert root.get(f"/admin/tasks/{model}/{places[name]}/change/").status_code == 200
