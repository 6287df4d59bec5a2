"""People of each kind, and the tasks that they look at."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from rest_framework_simplejwt.tokens import RefreshToken

from tasks.models import Task, TaskLog
from tasks.states import FailureCategory, TaskStatus
from tasks.transitions import finish
from tests.tasks.rows import HOLDER, a_dead_task, claimed, ending

VIEWER = (
    "tasks.view_task",
    "tasks.view_deadletter",
    "tasks.view_queue",
    "tasks.view_failurerule",
    "tasks.view_bulkaction",
)
OPERATOR = (
    *VIEWER, "tasks.add_task", "tasks.change_task", "tasks.change_deadletter", "tasks.change_queue",
    *(f"tasks.{verb}_failurerule" for verb in ("add", "change", "delete")),
)  # fmt: skip


@dataclass
class Api:
    """Speaks JSON as one user. Each answer is the status and the body."""

    user: User | None
    client: Client
    headers: dict[str, str]

    def get(self, address: str, **parameters: Any) -> tuple[int, Any]:
        return self._read(self.client.get(f"/api/{address}", parameters, headers=self.headers))

    def post(self, address: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        return self.send(address, b"" if body is None else json.dumps(body).encode(), **headers)

    def patch(self, address: str, body: Any = None) -> tuple[int, Any]:
        return self.send(address, json.dumps(body).encode(), method="PATCH")

    def delete(self, address: str, body: Any = None) -> tuple[int, Any]:
        return self.send(address, b"" if body is None else json.dumps(body).encode(), method="DELETE")

    def send(
        self, address: str, body: bytes, *, method: str = "POST", content_type: str = "application/json", **headers: str
    ) -> tuple[int, Any]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        # Not by post(), which encodes the body anew.
        response = self.client.generic(
            method, f"/api/{address}", body, content_type=content_type, headers=self.headers | given
        )
        return self._read(response)

    def _read(self, response: Any) -> tuple[int, Any]:
        return response.status_code, json.loads(response.content) if response.content else None


@pytest.fixture
def sign_in(db: None) -> Callable[..., Api]:
    """Makes a user with these permissions ("app.codename"), who comes with a token of their own."""

    def sign_in(*permissions: str, superuser: bool = False) -> Api:
        user = User.objects.create(username=f"user-{uuid.uuid4().hex[:8]}", is_superuser=superuser)
        for name in permissions:
            app, codename = name.split(".")
            user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
        token = RefreshToken.for_user(user).access_token
        return Api(user, Client(raise_request_exception=False), {"Authorization": f"Bearer {token}"})

    return sign_in


@pytest.fixture
def root(sign_in: Callable[..., Api]) -> Api:
    return sign_in(superuser=True)


@pytest.fixture
def viewer(sign_in: Callable[..., Api]) -> Api:
    return sign_in(*VIEWER)


@pytest.fixture
def operator(sign_in: Callable[..., Api]) -> Api:
    return sign_in(*OPERATOR)


@pytest.fixture
def anonymous() -> Api:
    return Api(None, Client(raise_request_exception=False), {})


@pytest.fixture
def completed(db: None) -> Task:
    """A task that ended well at its second attempt."""
    (first,) = claimed(payload={"what": "secret payload"}, retry={"kind": "none"}, tags=["red"], name="Mine")
    finish([ending(first, TaskStatus.RETRYING, traceback="secret traceback")], incarnation=HOLDER)
    Task.objects.filter(id=first.id).update(status=TaskStatus.QUEUED)
    from tasks.transitions import claim

    (second,) = claim([first.id], queue="default", worker="w2@test", incarnation=HOLDER, lease=30, alone=False)
    finish(
        [ending(second, TaskStatus.COMPLETED, worker="w2@test", result='{"what": "secret result"}')], incarnation=HOLDER
    )
    task = Task.objects.get(id=first.id)
    TaskLog.objects.create(task=task, attempt=2, at=task.created_at, level="info", message="line", fields={"a": 1})
    return task


@pytest.fixture
def dead(db: None) -> Task:
    """A task that failed for good, with its dead letter."""
    return a_dead_task(payload={"what": "secret payload"}, category=FailureCategory.HTTP_4XX)
