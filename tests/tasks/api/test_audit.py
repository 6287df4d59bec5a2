"""The audit trail over the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import auditing, database
from tasks.models import AuditEntry
from tests.tasks.api.conftest import Api

pytestmark = pytest.mark.django_db


@pytest.fixture
def trail(db: None) -> None:
    ann = User.objects.create(username="ann")
    with auditing.through("admin"):
        auditing.record(verb="pause", kind="queue", target="http", actor=ann, reason="they are down")
    with auditing.through("command line"):
        auditing.record(
            verb="edit", kind="task", target="t", actor=None, before={"payload": {"to": "secret"}, "name": "a"}
        )
    AuditEntry.objects.filter(verb="pause").update(at=database.now() - timedelta(days=2))


def verbs(api: Api, **query: str) -> list[str]:
    code, body = api.get("audit/", **query)
    assert code == 200, body
    return [each["verb"] for each in body["results"]]


def test_the_newest_come_first_with_all_that_is_known(trail: None, root: Api) -> None:
    assert verbs(root) == ["edit", "pause"]
    entry = root.get("audit/")[1]["results"][1]
    assert (entry["actor"], entry["door"], entry["target"], entry["reason"]) == (
        "ann",
        "admin",
        "http",
        "they are down",
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"actor": "ann"}, ["pause"]),
        ({"verb": "edit"}, ["edit"]),
        ({"kind": "queue"}, ["pause"]),
        ({"target": "http"}, ["pause"]),
        ({"door": "admin,API"}, ["pause"]),
        ({"after": "2001-01-01"}, ["edit", "pause"]),
        ({"before": "2001-01-01T00:00:00Z"}, []),
        ({"limit": "1"}, ["edit"]),
        ({"actor": "\x00"}, []),
    ],
    ids=str,
)
def test_it_is_filtered(query: dict[str, str], found: list[str], trail: None, root: Api) -> None:
    assert verbs(root, **query) == found


@pytest.mark.parametrize(
    "query", [{"door": "window"}, {"after": "soon"}, {"before": "9999-12-31T23:59:59-12:00"}, {"who": "x"}], ids=str
)
def test_what_is_wrong_is_named(query: dict[str, str], trail: None, root: Api) -> None:
    code, body = root.get("audit/", **query)
    assert (code, body["errors"][0]["attr"]) == (400, next(iter(query)))


def test_payloads_are_for_those_who_may_see_them(trail: None, sign_in: Any) -> None:
    entry = sign_in("tasks.view_auditentry").get("audit/", verb="edit")[1]["results"][0]
    assert "secret" not in str(entry)
    assert entry["before"]["name"] == "a"
    seen = sign_in("tasks.view_auditentry", "tasks.view_payload").get("audit/", verb="edit")[1]["results"][0]
    assert seen["before"]["payload"] == {"to": "secret"}
