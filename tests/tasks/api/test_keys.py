"""API keys: how they are made, what they open, and when they open nothing."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tasks.models import ApiKey, AuditEntry, Queue
from tasks.services import api_keys
from tests.tasks.api.conftest import VIEWER, Api
from tests.tasks.rows import queues

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(operator: Api) -> dict[str, Any]:
    code, body = operator.post("auth/keys/", {"name": "the shop"})
    assert code == 201
    found: dict[str, Any] = body
    return found


def with_key(secret: str, scheme: str = "Bearer") -> Api:
    return Api(None, Client(raise_request_exception=False), {"Authorization": f"{scheme} {secret}"})


def test_it_is_shown_once_and_stored_as_a_hash(made: Any, operator: Api) -> None:
    key = ApiKey.objects.get()
    assert key.hash == hashlib.sha256(made["key"].encode()).hexdigest()
    assert made["key"].startswith(f"{key.prefix}_")
    stored = str(list(ApiKey.objects.values())) + str(list(AuditEntry.objects.values()))
    assert made["key"] not in stored
    code, body = operator.get("auth/keys/")
    assert (code, [each["name"] for each in body["results"]]) == (200, ["the shop"])
    assert "key" not in body["results"][0]
    assert timezone.now() + timedelta(days=364) < key.expires_at < timezone.now() + timedelta(days=366)  # type: ignore[operator]


@pytest.mark.parametrize("scheme", ["Bearer", "Api-Key", "bearer", "api-key"])
def test_it_opens_what_its_user_may(scheme: str, made: Any) -> None:
    queues("default")
    api = with_key(made["key"], scheme)
    assert api.get("tasks/")[0] == 200
    assert api.post("queue-manager/queues/default/pause/", {})[0] == 200
    entry = AuditEntry.objects.get(verb="pause")
    assert (entry.actor_id, entry.key, entry.door) == (ApiKey.objects.get().user_id, made["prefix"], "api")


def spoil(what: str) -> None:
    past = timezone.now() - timedelta(seconds=1)
    if what == "expired":
        ApiKey.objects.update(expires_at=past)
    elif what == "revoked":
        ApiKey.objects.update(revoked_at=past)
    elif what == "inactive":
        User.objects.update(is_active=False)
    else:
        ApiKey.objects.update(hash="0" * 64)


@pytest.mark.parametrize(
    ("what", "said"),
    [("expired", "expired at"), ("revoked", "was revoked"), ("inactive", "is inactive"), ("", "no such")],
)
def test_it_ends_and_says_why(what: str, said: str, made: Any) -> None:
    spoil(what)
    code, body = with_key(made["key"]).get("tasks/")
    assert (code, body["type"], body["errors"][0]["code"]) == (401, "client_error", "key_refused")
    assert said in body["errors"][0]["detail"]


@pytest.mark.parametrize("secret", ["", "ty_", "ty_x_y", "x" * 5_000, "ty_abcdefgh_" + "a" * 32, "tyé\x00", "ty_a b"])
def test_what_is_no_key_opens_nothing(secret: str, made: Any) -> None:
    assert with_key(secret, "Api-Key").get("tasks/")[0] == 401


def test_a_key_that_reads_changes_nothing(operator: Api) -> None:
    queues("default")
    api = with_key(operator.post("auth/keys/", {"name": "a screen", "read_only": True})[1]["key"])
    assert api.get("queue-manager/queues/default/")[0] == 200
    for code, body in (
        api.post("queue-manager/queues/default/pause/", {}),
        api.patch("queue-manager/queues/default/", {}),
    ):
        assert (code, body["errors"][0]["code"]) == (403, "key_reads_only")
    assert not Queue.objects.get(name="default").paused


def test_the_last_use_is_noted_once_a_minute(made: Any) -> None:
    with_key(made["key"]).get("task-types/")
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    with CaptureQueriesContext(connection) as queries:
        with_key(made["key"]).get("task-types/")
    assert len([each for each in queries if "tasks_apikey" in each["sql"]]) == 1
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    with_key(made["key"]).get("task-types/")
    assert ApiKey.objects.get().last_used_at >= first  # type: ignore[operator]


def test_a_key_manages_no_keys(made: Any) -> None:
    api = with_key(made["key"])
    assert api.get("auth/keys/")[0] == api.post("auth/keys/", {"name": "x"})[0] == 403
    assert api.delete(f"auth/keys/{made['id']}/")[0] == 403
    assert ApiKey.objects.filter(revoked_at=None).count() == 1


def test_it_is_revoked_by_its_user_and_by_nobody_elses_user(made: Any, operator: Api, sign_in: Any) -> None:
    assert sign_in("tasks.view_task").delete(f"auth/keys/{made['id']}/")[0] == 404
    assert operator.delete(f"auth/keys/{made['id']}/")[0] == 204
    assert operator.delete(f"auth/keys/{made['id']}/")[0] == 204
    assert with_key(made["key"]).get("tasks/")[0] == 401
    assert AuditEntry.objects.filter(verb="revoke").count() == 1


def test_administrators_see_and_revoke_everybodys(made: Any, sign_in: Callable[..., Api], operator: Api) -> None:
    administrator = sign_in("tasks.view_apikey", "tasks.change_apikey")
    assert administrator.get("auth/keys/")[1]["count"] == 0
    assert administrator.get("auth/keys/", all="true")[1]["results"][0]["user"] == operator.user.username  # type: ignore[union-attr]
    assert operator.get("auth/keys/", all="true")[0] == 403
    assert administrator.delete(f"auth/keys/{made['id']}/")[0] == 204


def test_a_key_for_somebody_else_is_no_more_than_ones_own(sign_in: Callable[..., Api], viewer: Api, root: Api) -> None:
    administrator = sign_in("tasks.add_apikey", *VIEWER)
    names = {who: api.user.username for who, api in (("viewer", viewer), ("root", root))}  # type: ignore[union-attr]
    code, body = administrator.post("auth/keys/", {"name": "x", "user": names["viewer"]})
    assert (code, body["user"]) == (201, names["viewer"])
    assert administrator.post("auth/keys/", {"name": "x", "user": names["root"]})[0] == 403
    assert administrator.post("auth/keys/", {"name": "x", "user": "nobody"})[0] == 400
    assert viewer.post("auth/keys/", {"name": "x", "user": names["root"]})[0] == 403


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x", "expires_at": "yesterday"}, "expires_at"),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "expires_at": "2999-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "x", "expires_at": "2027-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "scope": "all"}, "scope"),
    ],
)
def test_what_is_wrong_is_named(body: Any, attr: str, operator: Api) -> None:
    code, answer = operator.post("auth/keys/", body)
    assert (code, answer["errors"][0]["attr"]) == (400, attr)


def test_one_user_has_a_bounded_number(operator: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MOST_KEYS", 1)
    assert operator.post("auth/keys/", {"name": "one", "expires_at": None})[1]["expires_at"] is None
    assert operator.post("auth/keys/", {"name": "two"})[0] == 400
