"""Who searches, and what there is to be found."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tasks import database
from tasks.models import Task
from tasks.searching import InvalidSearch, Selection
from tasks.states import TaskStatus
from tests.tasks.rows import a_task, queues

S = TaskStatus


def names(user: Any, q: str, **filters: str) -> str:
    rows = Selection("tasks", q, filters).rows(user)
    assert rows.count() == len(rows)
    return "".join(sorted(row.name.removeprefix("Job ") for row in rows))


def wrong(user: Any, q: str = "", kind: Any = "tasks", **filters: str) -> list[tuple[str, str]]:
    with pytest.raises(InvalidSearch) as caught:
        Selection(kind, q, filters).rows(user)
    return [(error["code"], error["attr"]) for error in caught.value.errors]


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create(username="root", is_superuser=True)


@pytest.fixture
def viewer(db: None) -> User:
    user = User.objects.create(username="viewer")
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    return user


@pytest.fixture
def some(db: None) -> dict[str, Task]:
    """Five tasks, an hour apart, the last of them now."""
    queues("default", "http", "data")
    now = database.now()
    rows: dict[str, tuple[TaskStatus, dict[str, Any]]] = {
        "a": (S.COMPLETED, {"priority": 9, "tags": ["red", "a,b"], "worker": "w1@a", "payload": {"order_id": 42}}),
        "b": (S.FAILED, {"priority": 1, "tags": ["red"], "attempt": 3, "payload": {"order_id": "42", "who": "Ünal"}}),
        "c": (S.PENDING, {"type": "http_request", "queue": "http", "payload": {"items": [{"sku": "A1", "n": 2.5}]}}),
        "d": (S.PROCESSING, {"priority": 7, "payload": {"ok": True, "order_id": 100, "none": None, "a.b": 1}}),
        "e": (S.SCHEDULED, {"queue": "data", "attempt": 0, "payload": {"7": {"x": "y"}, "text": "10%_off"}}),
    }
    found = {}
    for hours, (letter, (status, fields)) in enumerate(reversed(rows.items())):
        at = now - timedelta(hours=hours)
        begun = {"started_at": at + timedelta(seconds=1)} if status in (S.COMPLETED, S.FAILED) else {}
        if begun:
            begun["finished_at"] = at + timedelta(seconds=3 if letter == "a" else 601)
        if status == S.PROCESSING:
            begun["started_at"] = now - timedelta(minutes=5)
        found[letter] = a_task(status, name=f"Job {letter}", created_at=at, run_at=at, **begun, **fields)
    return found
