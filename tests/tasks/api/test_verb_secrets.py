"""Payloads go out with their secrets masked, and come back so: a mask keeps the secret that it stands for."""

from typing import Any

import pytest

from tasks.models import DeadLetter, Task
from tasks.states import TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PAYLOAD = {"url": "http://example.com", "headers": {"Authorization": "Bearer abcdef123456"}}


def shown(api: Api, task: Task) -> dict[str, Any]:
    payload: dict[str, Any] = api.get(f"tasks/{task.id}/")[1]["payload"]
    assert "abcdef123456" not in str(payload)
    return payload


def stored(task_id: Any) -> Any:
    return Task.objects.get(id=task_id).payload


@pytest.mark.parametrize("verb", ["edit", "clone"])
def test_what_is_sent_as_it_was_shown_keeps_its_secrets(verb: str, root: Api) -> None:
    task = a_task(type="http_request", payload=PAYLOAD)
    body = {"payload": shown(root, task) | {"method": "PUT"}}
    place = f"tasks/{task.id}/"
    code, answer = root.patch(place, body) if verb == "edit" else root.post(f"{place}clone/", body)
    assert code in (200, 201)
    assert stored(answer["id"]) == PAYLOAD | {"method": "PUT"}
    assert "abcdef123456" not in str(answer)


def test_a_patch_may_hold_a_mask(root: Api, dead: Task) -> None:
    Task.objects.update(payload=PAYLOAD)
    letter = DeadLetter.objects.get()
    body = {"payload": {"headers": shown(root, dead)["headers"], "method": "PUT"}}
    assert root.post(f"dlq/tasks/{letter.id}/reprocess/", body)[0] == 200
    assert stored(dead.id) == PAYLOAD | {"method": "PUT"}


@pytest.mark.parametrize("verb", ["edit", "clone", "retry", "many"])
def test_a_mask_that_stands_for_nothing_is_refused(verb: str, root: Api) -> None:
    task = a_task(TaskStatus.FAILED if verb in ("retry", "many") else TaskStatus.PENDING, payload={})
    body: dict[str, Any] = {"payload": {"token": "***"}}
    place = f"tasks/{task.id}/"
    code, answer = {
        "edit": lambda: root.patch(place, body),
        "clone": lambda: root.post(f"{place}clone/", body),
        "retry": lambda: root.post(f"{place}retry/", body),
        "many": lambda: root.post("tasks/retry/", body | {"ids": [str(task.id)]}),
    }[verb]()
    assert (code, answer["errors"][0]["attr"]) == (400, "payload.token")
    assert stored(task.id) == {}
    assert Task.objects.count() == 1
