"""POST tasks/ and tasks/bulk/: what comes back, and what is stored."""

import io
from datetime import datetime
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.urls import resolve

from tasks import database
from tasks.models import Task
from tests.tasks.api.conftest import Api

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOOP: dict[str, Any] = {"type": "sample.noop"}


def test_a_task_is_made_and_comes_back_as_it_will_be_read(root: Api) -> None:
    before = database.now()
    code, body = root.post("tasks/", {"type": "http_request", "payload": {"url": "https://example.com"}})
    assert code == 201
    assert (body["type"], body["status"], body["queue"]) == ("http_request", "pending", "http")
    assert root.user is not None
    assert body["created_by"] == root.user.username
    assert before <= datetime.fromisoformat(body["created_at"]) <= database.now()
    assert body["created_at"].endswith("Z")
    assert root.get(body["url"].removeprefix("/api/")) == (200, body)


def test_every_option_comes_through(root: Api) -> None:
    given = {
        "type": "sample.echo", "payload": {"a": [1, {"ä": "😀"}]}, "name": "Größe", "queue": "data", "priority": 0,
        "run_at": "2124-01-31T08:00:00+01:00", "max_attempts": 7, "timeout": 0.5, "tags": ["red"],
        "retry": {"kind": "fixed", "base": 2.0, "factor": 2.0, "max": 60.0, "jitter": False},
    }  # fmt: skip
    code, body = root.post("tasks/", given)
    assert code == 201
    assert {name: body[name] for name in given} == {**given, "run_at": "2124-01-31T07:00:00Z"}
    assert body["status"] == "scheduled"


def test_a_delay_makes_it_wait(root: Api) -> None:
    body = root.post("tasks/", {**NOOP, "delay": 3600})[1]
    waits = datetime.fromisoformat(body["run_at"]) - datetime.fromisoformat(body["created_at"])
    assert body["status"] == "scheduled"
    assert abs(waits.total_seconds() - 3600) < 1


def test_the_right_to_submit_is_enough_to_see_ones_own_answer_but_not_its_payload(sign_in: Any) -> None:
    code, body = sign_in("tasks.add_task").post("tasks/", {**NOOP, "payload": {"secret": 1}})
    assert (code, body["payload"]) == (201, None)
    assert Task.objects.get().payload == {"secret": 1}


# --- The key ----------------------------------------------------------------------------------------------------------


def test_the_same_key_again_is_answered_with_the_first_task(root: Api) -> None:
    code, first = root.post("tasks/", NOOP, Idempotency_Key="k")
    assert code == 201
    assert root.post("tasks/", NOOP, Idempotency_Key="k") == (200, first)
    assert root.post("tasks/", {**NOOP, "idempotency_key": "k"}) == (200, first)
    assert root.post("tasks/", {**NOOP, "idempotency_key": "k"}, Idempotency_Key="k") == (200, first)
    assert Task.objects.count() == 1


def test_another_body_under_the_key_is_a_conflict(root: Api) -> None:
    root.post("tasks/", NOOP, Idempotency_Key="k")
    code, body = root.post("tasks/", {**NOOP, "priority": 9}, Idempotency_Key="k")
    assert code == 409
    assert body == {
        "type": "client_error",
        "errors": [
            {
                "code": "idempotency_conflict",
                "detail": "idempotency_key: the idempotency key 'k' was used before with another body",
                "attr": None,
            }
        ],
    }
    assert Task.objects.count() == 1


def test_another_users_key_is_another_key(sign_in: Any) -> None:
    ids = {sign_in(superuser=True).post("tasks/", NOOP, Idempotency_Key="k")[1]["id"] for _ in range(2)}
    assert len(ids) == 2


def test_header_and_body_name_one_key(root: Api) -> None:
    code, body = root.post("tasks/", {**NOOP, "idempotency_key": "a"}, Idempotency_Key="b")
    assert (code, body["errors"][0]["attr"], body["errors"][0]["code"]) == (400, "idempotency_key", "two_keys")
    assert Task.objects.count() == 0


@pytest.mark.parametrize("key", ["", "k" * 201])
def test_a_key_has_a_length(key: str, root: Api) -> None:
    code, body = root.post("tasks/", NOOP, Idempotency_Key=key)
    assert (code, body["errors"][0]["attr"]) == (400, "idempotency_key")
    assert Task.objects.count() == 0


# --- Many -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrapped", [False, True], ids=["array", "object"])
def test_a_list_is_stored_in_its_order(wrapped: bool, root: Api) -> None:
    given = [{**NOOP, "payload": {"n": n}} for n in range(5)]
    code, body = root.post("tasks/bulk/", {"tasks": given} if wrapped else given)
    assert (code, body["count"], body["created"]) == (201, 5, 5)
    payloads = {str(task.id): task.payload["n"] for task in Task.objects.all()}
    assert [payloads[each] for each in body["ids"]] == list(range(5))
    assert set(Task.objects.values_list("created_by", flat=True)) == {root.user and root.user.pk}


def test_ten_thousand_go_in_at_once(root: Api) -> None:
    given = [{"type": "sample.noop", "payload": {"n": n}, "priority": n % 10} for n in range(10_000)]
    began = database.now()
    code, body = root.post("tasks/bulk/", given)
    seconds = (database.now() - began).total_seconds()
    assert (code, body["count"], body["created"], len(set(body["ids"]))) == (201, 10_000, 10_000, 10_000)
    assert body["ids"] == sorted(body["ids"])
    stored = Task.objects.in_bulk(body["ids"][::997])
    assert all(task.payload["n"] % 10 == task.priority for task in stored.values())
    assert [stored[key].payload["n"] for key in sorted(stored)] == list(range(0, 10_000, 997))
    assert Task.objects.count() == 10_000
    assert seconds < 10  # a tenth of that on a quiet machine


def test_each_of_a_list_has_its_own_key(root: Api) -> None:
    given = [{**NOOP, "idempotency_key": key} for key in "aba"]
    code, body = root.post("tasks/bulk/", given)
    assert (code, body["count"], body["created"]) == (201, 3, 2)
    assert body["ids"][0] == body["ids"][2]
    assert root.post("tasks/bulk/", given) == (200, {"count": 3, "created": 0, "ids": body["ids"]})
    code, body = root.post("tasks/bulk/", [NOOP, {**NOOP, "idempotency_key": "a", "priority": 9}])
    assert (code, body["errors"][0]["code"]) == (409, "idempotency_conflict")
    assert body["errors"][0]["detail"].startswith("1.idempotency_key: ")
    assert Task.objects.count() == 2


def test_one_key_for_a_whole_list_is_refused_and_not_overlooked(root: Api) -> None:
    code, body = root.post("tasks/bulk/", [NOOP], Idempotency_Key="k")
    assert (code, body["errors"][0]["attr"], body["errors"][0]["code"]) == (400, "idempotency_key", "key_of_a_list")
    assert Task.objects.count() == 0


def test_an_empty_list_makes_nothing(root: Api) -> None:
    assert root.post("tasks/bulk/", []) == (200, {"count": 0, "created": 0, "ids": []})


# --- As the web server hands it over ----------------------------------------------------------------------------------


def test_a_body_that_comes_in_chunks_is_read(root: Api) -> None:
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked", "Host": "localhost", **root.headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/tasks/",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    request = ASGIRequest(scope, io.BytesIO(b'{"type": "sample.noop"}'))
    assert "CONTENT_LENGTH" not in request.META
    response = resolve("/api/tasks/").func(request)
    assert (response.status_code, response.data["type"]) == (201, "sample.noop")
