"""ETag and If-Match: of two editors the second one learns of the first."""

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import services
from tasks.exceptions import EditedMeanwhile
from tasks.models import Task
from tasks.states import TaskStatus
from tasks.versions import version_of
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task, queues

pytestmark = pytest.mark.django_db


def read(api: Api, address: str) -> Any:
    return api.client.get(f"/api/{address}", headers=api.headers)


def edit(api: Api, address: str, body: Any, tag: str | None) -> Any:
    headers = api.headers | ({"If-Match": tag} if tag is not None else {})
    return api.client.patch(f"/api/{address}", json.dumps(body), content_type="application/json", headers=headers)


@pytest.fixture
def address() -> str:
    return f"tasks/{a_task(priority=5).id}/"


def test_the_second_of_two_editors_is_told(address: str, root: Api) -> None:
    tag = read(root, address)["ETag"]
    assert read(root, address)["ETag"] == tag
    first = edit(root, address, {"priority": 9}, tag)
    assert first.status_code == 200
    second = edit(root, address, {"priority": 1}, tag)
    assert (second.status_code, second.json()["type"], second.json()["errors"][0]["code"]) == (
        412, "client_error", "precondition_failed",
    )  # fmt: skip
    assert second["ETag"] == first["ETag"]
    assert "read it again" in second.json()["errors"][0]["detail"]
    assert Task.objects.get().priority == 9
    assert edit(root, address, {"priority": 1}, first["ETag"]).status_code == 200


def test_what_the_engine_does_makes_no_edit_a_mistake(address: str, root: Api) -> None:
    tag = read(root, address)["ETag"]
    Task.objects.update(status=TaskStatus.QUEUED, queued_at="2026-01-01T00:00:00Z")
    assert edit(root, address, {"priority": 9}, tag).status_code == 200


@pytest.mark.parametrize("tag", [None, "*", '"other", {tag}', '{tag} , "other"'])
def test_without_a_condition_or_with_one_that_holds_it_is_edited(tag: str | None, address: str, root: Api) -> None:
    given = tag and tag.format(tag=read(root, address)["ETag"])
    assert edit(root, address, {"priority": 9}, given).status_code == 200


@pytest.mark.parametrize(
    ("tag", "code"), [('"other"', 412), ("W/{tag}", 412), ("other", 400), ("", 400), ('"open', 400), ("{tag},", 400)]
)
def test_a_condition_that_does_not_hold_or_is_none_is_refused(tag: str, code: int, address: str, root: Api) -> None:
    answer = edit(root, address, {"priority": 9}, tag.format(tag=read(root, address)["ETag"]))
    assert answer.status_code == code
    assert Task.objects.get().priority == 5


def test_queues_are_guarded_in_the_same_way(root: Api) -> None:
    queues("default")
    address = "queue-manager/queues/default/"
    tag = read(root, address)["ETag"]
    assert edit(root, address, {"rate_limit": 5}, tag).status_code == 200
    assert edit(root, address, {"rate_limit": 6}, tag).status_code == 412
    assert read(root, address).json()["rate_limit"] == 5


@pytest.mark.database
def test_the_version_is_compared_under_the_lock() -> None:
    task = a_task()
    version = version_of(task)
    Task.objects.update(name="meanwhile")
    with (
        CaptureQueriesContext(
            connection,
        ) as queries,
        pytest.raises(EditedMeanwhile),
    ):
        services.edit_task(task.id, {"priority": 9}, version=version)
    if connection.vendor == "postgresql":
        assert any("FOR UPDATE" in each["sql"] for each in queries)
    assert Task.objects.get().priority == 5
