"""Commands as a shell runs them: words in, text and an exit code out."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import load_command_class
from django.test import Client
from rest_framework_simplejwt.tokens import RefreshToken

from tests.tasks.rows import queues


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs a command in this process, as manage.py does, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    # A command ends its process's connections; here they are the test's own.
    monkeypatch.setattr("django.core.management.base.connections.close_all", lambda: None)
    queues("default", "http")

    def run(command: str, *words: Any) -> Done:
        code = 0
        try:
            load_command_class("tasks", command).run_from_argv(["manage.py", command, *map(str, words)])
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


@pytest.fixture
def api(db: None) -> Callable[..., Any]:
    """Asks the API as one who may do everything."""
    token = RefreshToken.for_user(User.objects.create(username="root", is_superuser=True)).access_token
    client = Client()

    def get(address: str, **parameters: Any) -> Any:
        response = client.get(f"/api/{address}", parameters, headers={"Authorization": f"Bearer {token}"})
        assert response.status_code == 200, response.content
        return json.loads(response.content)

    return get
