"""Some tasks, and what a list of them answers."""

from datetime import timedelta
from typing import Any

import pytest

from tasks import database
from tasks.models import Task
from tasks.states import TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task


@pytest.fixture
def some() -> dict[str, Task]:
    """One an hour, the last of them now."""
    now = database.now()
    rows: dict[str, tuple[TaskStatus, dict[str, Any]]] = {
        "a": (TaskStatus.COMPLETED, {"priority": 9, "tags": ["red", "big"], "worker": "w1@a"}),
        "b": (TaskStatus.FAILED, {"priority": 1, "tags": ["red"], "worker": "w2@a"}),
        "c": (TaskStatus.PENDING, {"priority": 5, "type": "http_request", "queue": "http"}),
        "d": (TaskStatus.QUEUED, {"priority": 5, "tags": ["re", 'q"x', "a,b"]}),
        "e": (TaskStatus.SCHEDULED, {"priority": 0, "queue": "data"}),
    }
    found = {}
    for hours, (name, (status, fields)) in enumerate(reversed(rows.items())):
        at = now - timedelta(hours=hours)
        ended = {"finished_at": at} if status in (TaskStatus.COMPLETED, TaskStatus.FAILED) else {}
        found[name] = a_task(status, name=name, created_at=at, run_at=at, **ended, **fields)
    return found


def names(api: Api, **parameters: Any) -> str:
    code, body = api.get("tasks/", **parameters)
    assert code == 200, body
    assert body["count"] == len(body["results"])
    return "".join(each["name"] for each in body["results"])


def complaint(api: Api, address: str = "tasks/", **parameters: Any) -> tuple[str, str]:
    code, body = api.get(address, **parameters)
    assert (code, body["type"], len(body["errors"])) == (400, "validation_error", 1), body
    return body["errors"][0]["attr"], body["errors"][0]["detail"]
