"""Why a task is not running, as programs ask for it."""

import json
from datetime import timedelta
from typing import Any

import jsonschema
import pytest
from drf_spectacular.generators import SchemaGenerator

from tasks import database
from tasks.api.why import _REQUESTS, EXAMPLE
from tasks.explaining import Cause
from tasks.leadership import COORDINATOR
from tasks.models import Leadership, Queue, Task
from tasks.services import pause_queue
from tasks.states import TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.api.test_schema import validator
from tests.tasks.desk import a_worker
from tests.tasks.rows import a_task, queues

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def _all_is_well(db: None) -> None:
    queues("default")
    a_worker()
    until = database.now() + timedelta(hours=1)
    Leadership.objects.create(role=COORDINATOR, term=1, holder="here", expires_at=until)


def test_the_remedy_is_a_request_that_mends_it(root: Api) -> None:
    pause_queue("default", actor=root.user, reason="The shop is down.")
    task = a_task()
    code, body = root.get(f"tasks/{task.pk}/why/")
    assert code == 200
    assert set(body) == {"task", "status", "cause", "sentence", "evidence", "remedy", "also"}
    assert (body["task"], body["status"], body["cause"]) == (str(task.pk), "pending", "paused")
    assert body["sentence"].endswith("): The shop is down.")
    assert (body["evidence"]["reason"], body["also"]) == ("The shop is down.", [])
    assert body["remedy"]["method"] == "POST"
    assert root.post(body["remedy"]["url"].removeprefix("/api/"), {})[0] == 200
    code, body = root.get(f"tasks/{task.pk}/why/")
    assert (body["cause"], body["sentence"]) == ("next", "It is next: it should start within a second.")
    assert body["remedy"] is None


def test_what_only_people_can_mend_has_words_and_no_request(root: Api) -> None:
    Leadership.objects.all().delete()
    remedy = root.get(f"tasks/{a_task().pk}/why/")[1]["remedy"]
    assert remedy == {"words": "Start a coordinator: manage.py coordinator", "method": None, "url": None}


def test_a_task_that_does_not_wait_is_a_conflict_with_its_state(root: Api) -> None:
    code, body = root.get(f"tasks/{a_task(TaskStatus.COMPLETED).pk}/why/")
    assert (code, body["status"], body["errors"][0]["code"]) == (409, "completed", "illegal_transition")
    detail = "a completed task cannot be asked why it is not running: it is not waiting"
    assert body["errors"][0]["detail"] == detail


def test_it_is_told_at_its_own_address_only(root: Api) -> None:
    Queue.objects.update(paused=True)
    body = root.get(f"tasks/{a_task().pk}/")[1]
    assert not {"why", "cause", "sentence"} & set(body)


@pytest.mark.parametrize(("kind", "verb"), _REQUESTS)
def test_each_request_of_a_remedy_exists(kind: str, verb: str, root: Api) -> None:
    method, address = _REQUESTS[kind, verb]
    target = str(a_task().pk) if kind == "task" else "default"
    code, _ = root.send(address.format(target).removeprefix("/api/"), b"{}", method=method)
    assert code not in (404, 405)


def test_the_schema_and_its_example_are_what_is_answered(root: Api) -> None:
    schema: Any = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str))
    media = schema["paths"]["/api/tasks/{id}/why/"]["get"]["responses"]["200"]["content"]["application/json"]
    assert [each["value"] for each in media["examples"].values()] == [EXAMPLE]
    check = validator(schema, media["schema"])
    check.validate(EXAMPLE)
    for task in (
        a_task(),
        a_task(queue="gone"),
        a_task(TaskStatus.RETRYING, run_at=database.now() + timedelta(days=1)),
    ):
        check.validate(root.get(f"tasks/{task.pk}/why/")[1])
    with pytest.raises(jsonschema.ValidationError):
        check.validate({**EXAMPLE, "cause": "unknown"})
    assert "unknown" not in Cause.values
    assert Task.objects.count() == 3
