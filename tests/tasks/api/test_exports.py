"""Exports over HTTP: the same filters and search as the lists, as a file that is sent while it is read."""

from typing import Any

import pytest

from tasks.models import AuditEntry, Task
from tasks.states import Door, TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task
from tests.tasks.sheets import READERS

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def get(api: Api, address: str, accept: str = "*/*", **parameters: str) -> Any:
    return api.client.get(f"/api/{address}", parameters, headers={**api.headers, "Accept": accept})


@pytest.mark.parametrize(
    ("form", "media"), [("", "text/csv; charset=utf-8"), ("json", "application/json"), ("XLSX", SHEET)]
)
def test_it_is_a_stream_of_what_the_list_matches(form: str, media: str, root: Api, completed: Task) -> None:
    a_task(TaskStatus.PENDING)
    response = get(root, "tasks/export/", q="status:completed", queue="default", **({"format": form} if form else {}))
    assert (response.status_code, response["Content-Type"]) == (200, media)
    assert response.streaming
    ending = form.lower() or "csv"
    assert response["Content-Disposition"].startswith('attachment; filename="tasks-2')
    assert response["Content-Disposition"].endswith(f'Z.{ending}"')
    assert response["Cache-Control"] == "no-store"
    content = response.getvalue()
    (row,) = READERS[ending](content)
    assert row["id"] == str(completed.id)
    assert "secret result" in str(row["result"])
    entry = AuditEntry.objects.get()
    assert root.user is not None
    assert (entry.door, entry.actor_name, entry.count) == (Door.API, root.user.username, 1)


@pytest.mark.parametrize("form", list(READERS))
def test_payloads_are_for_those_who_may_see_them(form: str, viewer: Api, completed: Task, dead: Task) -> None:
    for address, number in (("tasks/export/", 2), ("dlq/tasks/export/", 1)):
        content = get(viewer, address, format=form).getvalue()
        rows = READERS[form](content)
        assert len(rows) == number
        assert "secret" not in str(rows)


def test_head_reads_nothing_and_is_not_noted(root: Api, completed: Task) -> None:
    response = root.client.head("/api/tasks/export/", {"format": "json"}, headers=root.headers)
    assert (response.status_code, response["Content-Type"], response.content) == (200, "application/json", b"")
    assert root.client.head("/api/tasks/export/", {"q": "stautus:x"}, headers=root.headers).status_code == 400
    assert root.post("tasks/export/")[0] == root.post("dlq/tasks/export/")[0] == 405
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("parameters", "attr", "detail"),
    [
        ({"format": "pdf"}, "format", "it is not one of csv, json, xlsx"),
        ({"stauts": "failed"}, "stauts", "there is no parameter 'stauts'; did you mean status?"),
        ({"page": "2"}, "page", "there is no parameter 'page'"),
        ({"ordering": "priority"}, "ordering", "there is no parameter 'ordering'"),
        ({"q": "stautus:failed"}, "q", "there is no search word 'stautus'; did you mean status?"),
        ({"created_after": "soon"}, "created_after", ""),
    ],
)
@pytest.mark.parametrize("address", ["tasks/export/", "dlq/tasks/export/"])
def test_what_is_wrong_is_said_as_by_the_lists(
    address: str, parameters: dict[str, str], attr: str, detail: str, root: Api
) -> None:
    code, body = root.get(address, **parameters)
    assert code == 400
    (error,) = body["errors"]
    assert error["attr"] == attr
    if "dlq" not in address:
        assert error["detail"].startswith(detail)
    assert not AuditEntry.objects.exists()


def test_searching_in_payloads_needs_its_right(viewer: Api) -> None:
    code, body = viewer.get("tasks/export/", q="payload.order:1")
    assert (code, body["errors"][0]["code"]) == (400, "no_permission")


def test_accept_has_to_allow_the_file(root: Api) -> None:
    assert get(root, "tasks/export/", accept="text/csv").status_code == 200
    assert get(root, "tasks/export/", accept="application/json", format="csv").status_code == 200
    assert get(root, "tasks/export/", accept=SHEET, format="xlsx").status_code == 200
    assert get(root, "tasks/export/", accept="text/csv", format="xlsx").status_code == 406
    assert get(root, "tasks/export/", accept="image/png").status_code == 406
