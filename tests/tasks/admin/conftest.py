"""People of each kind, and rows as the engine leaves them."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tasks import database
from tasks.models import DeadLetter, Task, TaskAttempt, TaskEvent, TaskLog, Worker
from tasks.states import FINAL, EventKind, FailureCategory, Outcome, TaskStatus

NASTY = "<script>alert(1)</script>"


@pytest.fixture
def sign_in() -> Callable[..., Client]:
    """Makes a staff user with these permissions ("app.codename") and returns a client that is signed in."""

    def sign_in(*permissions: str, superuser: bool = False) -> Client:
        user = User.objects.create_user(f"user-{uuid.uuid4().hex[:8]}", is_staff=True, is_superuser=superuser)
        for name in permissions:
            app, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        client = Client()
        client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def root(sign_in: Callable[..., Client]) -> Client:
    return sign_in(superuser=True)


@pytest.fixture
def make_task(db: None) -> Callable[..., Task]:
    def make_task(status: TaskStatus = TaskStatus.COMPLETED, **fields: Any) -> Task:
        now = database.now()
        begun = status in FINAL or status == TaskStatus.PROCESSING
        values: dict[str, Any] = {
            "type": "http_request",
            "queue": "http",
            "payload": {"url": "https://example.com"},
            "timeout": 60.0,
            "retry": {},
            "max_attempts": 3,
            "budget": 3,
            "attempt": 1 if begun else 0,
            "run_at": now,
            "created_at": now - timedelta(seconds=90),
            "started_at": now - timedelta(seconds=2) if begun else None,
            "finished_at": now if status in FINAL else None,
        }
        if status == TaskStatus.PROCESSING:
            values |= {"lease_expires_at": now + timedelta(seconds=30), "incarnation": uuid.uuid4(), "worker": "w@here"}
        return Task.objects.create(status=status, **values | fields)

    return make_task


@pytest.fixture
def make_attempt(db: None) -> Callable[..., TaskAttempt]:
    def make_attempt(task: Task, number: int = 1, outcome: Outcome = Outcome.COMPLETED, **fields: Any) -> TaskAttempt:
        now = database.now()
        values: dict[str, Any] = {"worker": "w@here", "started_at": now - timedelta(seconds=2), "finished_at": now}
        return TaskAttempt.objects.create(task=task, number=number, outcome=outcome, **values | fields)

    return make_attempt


@pytest.fixture
def make_dead_letter(db: None) -> Callable[..., DeadLetter]:
    def make_dead_letter(task: Task | None, **fields: Any) -> DeadLetter:
        values: dict[str, Any] = {
            "type": task.type if task else "",
            "queue": task.queue if task else "",
            "category": FailureCategory.CODE_ERROR,
            "error_class": "ValueError",
            "message": "it broke",
            "fingerprint": "0123456789abcdef",
            "created_at": database.now(),
        }
        return DeadLetter.objects.create(task=task, **values | fields)

    return make_dead_letter


@pytest.fixture
def make_worker(db: None) -> Callable[..., Worker]:
    def make_worker(name: str, *, seconds_ago: float = 0, **fields: Any) -> Worker:
        beat = database.now() - timedelta(seconds=seconds_ago)
        values: dict[str, Any] = {
            "host": "here",
            "pid": 17,
            "group": "http",
            "queues": ["http.async"],
            "types": {"http_request": "async"},
            "means": {"http_request": 1200.0},
            "release": "1.0",
            "processes": 2,
            "started_at": beat,
            "heartbeat_at": beat,
        }
        return Worker.objects.create(name=name, **values | fields)

    return make_worker


@pytest.fixture
def storied_task(make_task: Any, make_attempt: Any, make_dead_letter: Any) -> Task:
    """A dead task with something nasty in every place that holds text."""
    task: Task = make_task(
        TaskStatus.FAILED,
        name=f"name {NASTY}",
        payload={"text": f"payload {NASTY}"},
        tags=[f"tag {NASTY}"],
        worker=f"worker {NASTY}",
        idempotency_key=f"key {NASTY}",
        progress=0.5,
        progress_text=f"progress {NASTY}",
    )
    make_attempt(
        task,
        outcome=Outcome.FAILED,
        worker=f"worker {NASTY}",
        category=FailureCategory.CODE_ERROR,
        error_class=f"class {NASTY}",
        error_message=f"error {NASTY}",
        traceback=f"traceback {NASTY}",
        result={"details": f"details {NASTY}"},
    )
    TaskLog.objects.create(
        task=task, attempt=1, at=database.now(), level="info", message=f"log {NASTY}", fields={"key": f"field {NASTY}"}
    )
    TaskEvent.objects.create(task=task, attempt=1, at=database.now(), kind=EventKind.RETURNED, reason=f"reason {NASTY}")
    make_dead_letter(
        task,
        error_class=f"class {NASTY}",
        message=f"error {NASTY}",
        traceback=f"traceback {NASTY}",
        body=f"body {NASTY}",
        x_death={"queue": f"death {NASTY}"},
    )
    return task
