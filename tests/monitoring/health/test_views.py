"""Health without a login: `live` says that the process answers, `ready` that it can serve."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from monitoring.health import selectors

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "_all_applied", False)


def test_live_asks_no_database(client: Client) -> None:
    assert client.get("/api/health/live/").json() == {"status": "ok"}


@pytest.mark.django_db
def test_ready_once_every_migration_is_there(client: Client) -> None:
    answer = client.get("/api/health/ready/")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_not_ready_while_a_migration_is_missing(client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="tasks").delete()
    answer = client.get("/api/health/ready/")
    assert answer.status_code == 503
    assert "missing" in answer.json()["reason"]


@pytest.mark.django_db
def test_ready_asks_for_migrations_once_and_for_the_database_each_time(
    client: Client, django_assert_num_queries: Any
) -> None:
    client.get("/api/health/ready/")
    with django_assert_num_queries(1):
        client.get("/api/health/ready/")


def test_without_a_database_it_lives_and_is_not_ready_and_a_submit_is_refused_with_503() -> None:
    code = """
import django; django.setup()
from django.test import Client
from rest_framework.test import APIClient
from django.contrib.auth.models import User
print(Client().get("/api/health/live/").status_code, Client().get("/api/health/ready/").status_code)
client = APIClient(raise_request_exception=False)
client.force_authenticate(User(pk=1, username="x", is_superuser=True, is_active=True))
answer = client.post("/api/tasks/", {"type": "health_check"}, format="json")
print(answer.status_code, answer.json()["errors"][0]["code"])
"""
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
        "ALLOWED_HOSTS": "testserver",
    }
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.stdout.splitlines() == ["200 503", "503 database_unavailable"], result.stderr
