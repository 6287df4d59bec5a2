"""What a task, its attempts, its logs and a dead letter look like from outside."""

import uuid
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import database, registry
from tasks.models import DeadLetter, Task
from tasks.states import Resolution, TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

# Workflow runs and cron jobs come with what they need.
FIELDS = set(
    "id type name queue priority status payload tags attempt max_attempts retry timeout run_at created_at queued_at "
    "started_at finished_at duration_ms progress result error worker created_by url depends_on "
    "on_dependency_failure unmet compensates clone_of parked timetable cancel_requested_at".split()
)


def times(shape: dict[str, Any]) -> list[datetime]:
    found = [value for name, value in shape.items() if name.endswith("_at") and value is not None]
    assert all(value.endswith("Z") for value in found)
    return [datetime.fromisoformat(value) for value in found]


# --- A task -----------------------------------------------------------------------------------------------------------


def test_a_task_has_exactly_these_fields_in_the_list_and_alone(root: Api, completed: Task) -> None:
    code, shape = root.get(f"tasks/{completed.id}/")
    assert code == 200
    assert set(shape) == FIELDS
    (listed,) = root.get("tasks/")[1]["results"]
    assert listed == shape


def test_a_completed_task(root: Api, completed: Task) -> None:
    shape = root.get(f"tasks/{completed.id}/")[1]
    assert (shape["id"], shape["url"]) == (str(completed.id), f"/api/tasks/{completed.id}/")
    assert (shape["type"], shape["name"], shape["queue"], shape["tags"]) == ("sample.noop", "Mine", "default", ["red"])
    assert (shape["status"], shape["attempt"], shape["max_attempts"]) == ("completed", 2, 3)
    assert (shape["payload"], shape["result"], shape["error"]) == (
        {"what": "secret payload"},
        {"what": "secret result"},
        None,
    )
    assert (shape["worker"], shape["created_by"], shape["progress"]) == ("w2@test", None, None)
    assert completed.finished_at is not None
    assert completed.started_at is not None
    assert shape["duration_ms"] == round((completed.finished_at - completed.started_at).total_seconds() * 1000)
    assert len(times(shape)) == 5


def test_a_dead_task_says_why(root: Api, dead: Task) -> None:
    shape = root.get(f"tasks/{dead.id}/")[1]
    assert (shape["status"], shape["result"]) == ("failed", None)
    assert shape["error"] == {"category": "http_4xx", "class": "ValueError", "message": "it broke"}


@pytest.mark.parametrize("status", TaskStatus)
def test_every_status_can_be_looked_at(status: TaskStatus, root: Api) -> None:
    task = a_task(status, progress=0.5, progress_text="half")
    shape = root.get(f"tasks/{task.id}/")[1]
    assert (shape["status"], shape["progress"]) == (status, {"fraction": 0.5, "text": "half"})
    assert (shape["error"], shape["result"]) == (None, None)
    times(shape)


def test_the_submitter_is_named(root: Api) -> None:
    ann = User.objects.create(username="ann")
    assert root.get(f"tasks/{a_task(created_by=ann).id}/")[1]["created_by"] == "ann"


# --- Its attempts and logs --------------------------------------------------------------------------------------------


def test_attempts_are_listed_in_order(root: Api, completed: Task) -> None:
    code, body = root.get(f"tasks/{completed.id}/attempts/")
    assert (code, body["count"], body["count_is_capped"], body["next"], body["previous"]) == (200, 2, False, None, None)
    first, second = body["results"]
    assert (
        set(first)
        == set(second)
        == {"number", "outcome", "worker", "started_at", "finished_at", "duration_ms", "result", "error", "traceback"}
    )
    assert (first["number"], first["outcome"], first["worker"]) == (1, "failed", "w1@test")
    assert first["error"] == {"category": "code_error", "class": "ValueError", "message": "it broke"}
    assert (second["number"], second["outcome"], second["error"], second["traceback"]) == (2, "completed", None, None)
    assert all(each["duration_ms"] >= 0 for each in body["results"])


def test_logs_are_listed_as_they_were_written(root: Api, completed: Task) -> None:
    code, body = root.get(f"tasks/{completed.id}/logs/")
    (line,) = body["results"]
    assert code == 200
    times({"at_at": line.pop("at")})
    assert line == {"attempt": 2, "level": "info", "message": "line", "fields": {"a": 1}}


def test_attempts_and_logs_come_in_pages(root: Api, completed: Task) -> None:
    body = root.get(f"tasks/{completed.id}/attempts/", limit=1, page=2)[1]
    assert ([each["number"] for each in body["results"]], body["next"]) == ([2], None)
    assert body["previous"].endswith(f"/api/tasks/{completed.id}/attempts/?limit=1")
    assert root.get(f"tasks/{completed.id}/logs/", page=2)[0] == 404


# --- Dead letters -----------------------------------------------------------------------------------------------------


def test_a_dead_letter_has_exactly_these_fields(root: Api, dead: Task) -> None:
    (listed,) = root.get("dlq/tasks/")[1]["results"]
    code, shape = root.get(f"dlq/tasks/{listed['id']}/")
    assert (code, shape) == (200, listed)
    assert times(shape)
    for name in ("id", "fingerprint", "created_at"):
        assert shape.pop(name)
    assert shape == {
        "task": str(dead.id), "type": "sample.noop", "category": "http_4xx", "error_class": "ValueError",
        "message": "it broke", "traceback": "secret traceback", "attempts": 1, "resolution": None,
        "resolved_at": None, "resolved_by": None,
    }  # fmt: skip


def test_a_resolved_one_says_how_when_and_by_whom(root: Api, dead: Task) -> None:
    DeadLetter.objects.update(resolution=Resolution.DISCARDED, resolved_at=database.now(), resolved_by=root.user)
    (shape,) = root.get("dlq/tasks/")[1]["results"]
    assert root.user is not None
    assert (shape["resolution"], shape["resolved_by"]) == ("discarded", root.user.username)
    assert len(times(shape)) == 2


def test_a_message_that_names_no_task_is_there_too(root: Api) -> None:
    DeadLetter.objects.create(task=None, category="invalid_payload", fingerprint="1" * 16, created_at=database.now())
    (shape,) = root.get("dlq/tasks/")[1]["results"]
    assert (shape["task"], shape["traceback"]) == (None, None)


# --- Types and numbers ------------------------------------------------------------------------------------------------


def test_every_type_is_listed_with_what_a_form_needs(root: Api) -> None:
    code, shapes = root.get("task-types/")
    assert code == 200
    assert [each["name"] for each in shapes] == [each.name for each in registry.handlers()]
    http = next(each for each in shapes if each["name"] == "http_request")
    assert set(http) == {
        "name", "description", "kind", "queue", "timeout", "max_attempts", "retry", "timetable", "can_be_compensated",
        "known_online", "schema",
    }  # fmt: skip
    assert (http["kind"], http["queue"]) == ("async", "http")
    assert len(http["timetable"]) == http["max_attempts"] - 1
    assert "url" in http["schema"]["properties"]


def test_stats_count_every_status_and_what_there_is(root: Api, completed: Task, dead: Task) -> None:
    a_task(TaskStatus.PENDING, type="http_request", queue="http")
    a_task(
        TaskStatus.PENDING, type="http_request", queue="http", created_at=datetime.fromisoformat("2020-01-01T00:00Z")
    )
    code, stats = root.get("tasks/stats/")
    assert code == 200
    assert stats["total"] == 4
    assert stats["by_status"] == {**dict.fromkeys(TaskStatus.values, 0), "completed": 1, "failed": 1, "pending": 2}
    assert stats["by_type"] == {"http_request": 2, "sample.noop": 2}
    assert stats["by_queue"] == {"default": 2, "http": 2}
    assert stats["open_dead_letters"] == 1
    assert stats["per_minute"] == {"submitted": 3, "finished": 2}


def test_stats_of_nothing_are_zeros(root: Api) -> None:
    stats = root.get("tasks/stats/")[1]
    assert (stats["total"], stats["by_type"], stats["per_minute"]) == (0, {}, {"submitted": 0, "finished": 0})


# --- Cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["tasks/", "dlq/tasks/", "task-types/", "tasks/stats/"])
def test_a_list_costs_the_same_whatever_is_in_it(address: str, root: Api, dead: Task, completed: Task) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert root.get(address)[0] == 200
        return len(captured)

    few = queries()
    for number in range(20):
        user = User.objects.create(username=f"user {number}")
        task = a_task(TaskStatus.FAILED, created_by=user)
        DeadLetter.objects.create(
            task=task, category="code_error", fingerprint="0" * 16, created_at=database.now(),
            resolution=Resolution.DISCARDED, resolved_at=database.now(), resolved_by=user,
        )  # fmt: skip
    assert queries() == few <= 8


def test_no_list_is_needed_to_know_that_a_task_is_not_there(root: Api) -> None:
    code, body = root.get(f"tasks/{uuid.uuid4()}/")
    assert (code, body["type"], body["errors"][0]["code"]) == (404, "client_error", "not_found")
