"""Bodies of verbs that say what cannot be: the answer names the path, and nothing is changed."""

import uuid
from typing import Any

import pytest

from tasks.models import DeadLetter, Queue, Task
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task, columns

pytestmark = pytest.mark.django_db

ID = str(uuid.UUID(int=5))


@pytest.mark.parametrize(
    ("method", "address", "body", "attr"),
    [
        ("POST", "tasks/{task}/retry/", {"payload": []}, "payload"),
        ("POST", "tasks/{task}/retry/", {"reason": 7}, "reason"),
        ("POST", "tasks/{task}/retry/", {"reason": "x" * 1001}, "reason"),
        ("POST", "tasks/{task}/retry/", {"reason": "a\x00b"}, "reason"),
        ("POST", "tasks/{task}/retry/", {"spread": -1}, "spread"),
        ("POST", "tasks/{task}/retry/", {"spread": "soon"}, "spread"),
        ("POST", "tasks/{task}/retry/", {"priority": 9}, "priority"),
        ("POST", "tasks/{task}/retry/", [], "non_field_errors"),
        ("POST", "tasks/{task}/retry/", "now", "non_field_errors"),
        ("POST", "tasks/{task}/cancel/", {"why": "x"}, "why"),
        ("DELETE", "tasks/{task}/", {"reason": None}, "reason"),
        ("DELETE", "tasks/{task}/", [1], "non_field_errors"),
        ("POST", "tasks/{task}/run-now/", {"at": 1}, "at"),
        ("POST", "tasks/{task}/priority/", {}, "priority"),
        ("POST", "tasks/{task}/priority/", {"priority": 10}, "priority"),
        ("POST", "tasks/{task}/priority/", {"priority": "9"}, "priority"),
        ("POST", "tasks/{task}/priority/", {"priority": True}, "priority"),
        ("POST", "tasks/{task}/clone/", {"type": "sample.echo"}, "type"),
        ("POST", "tasks/{task}/clone/", {"priority": -1}, "priority"),
        ("POST", "tasks/{task}/clone/", {"colour": "red"}, "colour"),
        ("POST", "tasks/{task}/clone/", {"depends_on": [ID]}, "depends_on.0"),
        ("POST", "tasks/{task}/compensate/", {"payload": {}}, "payload"),
        ("PATCH", "tasks/{task}/", {"status": "completed"}, "status"),
        ("PATCH", "tasks/{task}/", {"type": "sample.echo"}, "type"),
        ("PATCH", "tasks/{task}/", {"depends_on": [ID]}, "depends_on"),
        ("PATCH", "tasks/{task}/", {"priority": 11}, "priority"),
        ("PATCH", "tasks/{task}/", {"queue": "nowhere"}, "queue"),
        ("PATCH", "tasks/{task}/", {"retry": {"kind": "often"}}, "retry.kind"),
        ("PATCH", "tasks/{task}/", {"run_at": "tomorrow"}, "run_at"),
        ("PATCH", "tasks/{task}/", {"max_attempts": 0}, "max_attempts"),
        ("PATCH", "tasks/{task}/", {"reason": {}}, "reason"),
        ("PATCH", "tasks/{task}/", [], "non_field_errors"),
        ("POST", "tasks/cancel/", {}, "ids"),
        ("POST", "tasks/cancel/", {"ids": []}, "ids"),
        ("POST", "tasks/cancel/", {"ids": ID}, "ids"),
        ("POST", "tasks/cancel/", {"ids": [ID, "x"]}, "ids.1"),
        ("POST", "tasks/cancel/", {"ids": [ID, 3]}, "ids.1"),
        ("POST", "tasks/retry/", {"ids": [ID], "payload": 1}, "payload"),
        ("POST", "tasks/priority/", {"ids": [ID]}, "priority"),
        ("POST", "tasks/run-now/", {"ids": [ID], "delay": 1}, "delay"),
        ("POST", "dlq/tasks/{letter}/reprocess/", {"payload": "x"}, "payload"),
        ("POST", "dlq/tasks/{letter}/discard/", {"payload": {}}, "payload"),
        ("POST", "dlq/reprocess/", {}, "confirm_count"),
        ("POST", "dlq/reprocess/", {"confirm_count": "1"}, "confirm_count"),
        ("POST", "dlq/reprocess/", {"confirm_count": 1, "colour": "red"}, "colour"),
        ("POST", "dlq/reprocess/", {"confirm_count": 1, "category": "bad_luck"}, "category"),
        ("POST", "dlq/reprocess/", {"confirm_count": 1, "created_after": "once"}, "created_after"),
        ("POST", "dlq/reprocess/?type=a", {"confirm_count": 1, "type": "b"}, "type"),
        ("POST", "dlq/discard/", {"reason": "x"}, "confirm_count"),
        ("POST", "dlq/discard/", {"confirm_count": 1, "payload": {}}, "payload"),
        ("PATCH", "queue-manager/queues/http/", {"rate_limit": 0}, "rate_limit"),
        ("PATCH", "queue-manager/queues/http/", {"rate_limit": "fast"}, "rate_limit"),
        ("PATCH", "queue-manager/queues/http/", {"concurrency_limit": 0}, "concurrency_limit"),
        ("PATCH", "queue-manager/queues/http/", {"concurrency_limit": 1.5}, "concurrency_limit"),
        ("PATCH", "queue-manager/queues/http/", {"paused": True}, "paused"),
        ("POST", "queue-manager/queues/http/pause/", {"reason": "x" * 201}, "reason"),
        ("POST", "queue-manager/queues/http/pause/", {"until": 1}, "until"),
        ("POST", "queue-manager/queues/http/resume/", {"reason": "x"}, "reason"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(method: str, address: str, body: Any, attr: str | None, root: Api, dead: Task) -> None:
    place = address.format(task=dead.id, letter=DeadLetter.objects.get().id)
    before = columns([dead.id])
    code, answer = {"POST": root.post, "PATCH": root.patch, "DELETE": root.delete}[method](place, body)
    assert (code, answer["type"]) == (400, "validation_error"), answer
    assert attr in [error["attr"] for error in answer["errors"]], answer
    assert columns([dead.id]) == before
    assert Task.objects.count() == DeadLetter.objects.filter(resolution="").count() == 1
    assert not Queue.objects.exclude(rate_limit=None, concurrency_limit=None, paused=False).exists()


def test_a_body_that_is_no_json_is_said(root: Api) -> None:
    code, body = root.send(f"tasks/{a_task().id}/cancel/", b"{reason")
    assert (code, body["errors"][0]["code"]) == (400, "parse_error")


def test_no_more_ids_than_the_limit(root: Api, settings: Any) -> None:
    settings.BULK_LIMIT = 2
    ids = [str(a_task().id) for _ in range(3)]
    code, body = root.post("tasks/cancel/", {"ids": ids})
    assert (code, body["errors"][0]["attr"]) == (400, "ids")
    assert "BULK_LIMIT" in body["errors"][0]["detail"]
    assert root.post("tasks/cancel/", {"ids": ids[:2]})[0] == 200
