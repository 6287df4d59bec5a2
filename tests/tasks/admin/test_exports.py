"""The export of the lists: a quiet control, all that matches and not the page, and a word where there is no file."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from tasks.models import AuditEntry, Task
from tasks.states import Door, TaskStatus
from tests.tasks.admin.conftest import NASTY
from tests.tasks.sheets import READERS

pytestmark = pytest.mark.django_db

TASKS, LETTERS = "/admin/tasks/task/", "/admin/tasks/deadletter/"


def links(client: Client, address: str) -> list[str]:
    page = client.get(address).content.decode()
    return [found.replace("&amp;", "&") for found in re.findall(r'href="(export/[^"]*)"', page)]


@pytest.mark.parametrize("form", list(READERS))
def test_the_links_of_a_list_export_all_that_it_matches(form: str, root: Client, make_task: Any) -> None:
    made = [make_task(TaskStatus.FAILED, name=NASTY) for _ in range(60)]  # more than a page
    make_task()
    (link,) = [each for each in links(root, f"{TASKS}?q=status:failed&queue__exact=http") if f"={form}&" in each]
    response = root.get(TASKS + link)
    assert response["Content-Disposition"].startswith("attachment")
    rows = READERS[form](response.getvalue())
    assert {row["id"] for row in rows} == {str(task.pk) for task in made}
    assert {row["name"] for row in rows} == {NASTY}
    entry = AuditEntry.objects.get()
    assert (entry.door, entry.verb, entry.count) == (Door.ADMIN, "export", 60)
    assert (entry.after or {})["selection"] == "tasks with queue http, search status:failed"


@pytest.mark.parametrize("address", [TASKS, LETTERS])
def test_payloads_are_for_those_who_may_see_them(
    address: str, storied_task: Task, sign_in: Callable[..., Client]
) -> None:
    rights = ("tasks.view_task", "tasks.view_deadletter")
    hidden = "payload" if address == TASKS else "traceback"
    (row,) = READERS["csv"](sign_in(*rights).get(f"{address}export/?format=csv").getvalue())
    assert hidden not in row
    (row,) = READERS["csv"](sign_in(*rights, "tasks.view_payload").get(f"{address}export/?format=csv").getvalue())
    assert row[hidden]


def test_who_may_not_see_the_list_exports_nothing(
    client: Client, sign_in: Callable[..., Client], storied_task: Task
) -> None:
    for address, other in ((TASKS, "tasks.view_deadletter"), (LETTERS, "tasks.view_task")):
        assert client.get(f"{address}export/").status_code == 302
        assert sign_in(other, "tasks.view_payload").get(f"{address}export/").status_code == 403
        assert sign_in(superuser=True).post(f"{address}export/").status_code == 405


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("q=stautus:failed", "there is no search word 'stautus'; did you mean status?"),
        ("created_after=soon", "soon"),
        ("colour=red", "there is no filter 'colour'"),
        ("format=pdf", "it is not one of csv, json, xlsx"),
    ],
)
def test_what_is_wrong_leads_back_to_the_list_and_is_said(query: str, words: str, root: Client, make_task: Any) -> None:
    make_task()
    response = root.get(f"{TASKS}export/?{query}")
    assert response.status_code == 302
    assert response["Location"] == (TASKS if "format" in query else f"{TASKS}?{query.replace(':', '%3A')}")
    (said,) = get_messages(response.wsgi_request)
    assert str(said).startswith("Nothing was exported: ")
    assert words in str(said)
    assert not AuditEntry.objects.exists()


def test_a_list_without_rows_offers_no_export(root: Client, make_task: Any) -> None:
    assert links(root, TASKS) == []
    make_task()
    assert links(root, TASKS) == ["export/?format=csv", "export/?format=json", "export/?format=xlsx"]
    assert links(root, f"{TASKS}?q=stautus:failed") == []
