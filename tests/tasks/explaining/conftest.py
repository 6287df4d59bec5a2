"""An installation in which nothing holds a task back: each test spoils one thing."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.leadership import COORDINATOR
from tasks.models import Leadership
from tests.tasks.desk import NOOP, a_worker
from tests.tasks.rows import queues


def ago(seconds: float) -> Any:
    """Returns a time so long ago, and a little more: what is said of it is the same for half a second."""
    return database.now() - timedelta(seconds=seconds + 0.05)


def ahead(seconds: float) -> Any:
    return ago(-seconds - 0.55)


def lead(**fields: Any) -> None:
    values = {"term": 7, "holder": "here:1:abc", "expires_at": ahead(600), "broker_error": ""} | fields
    Leadership.objects.update_or_create(role=COORDINATOR, defaults=values)


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


@pytest.fixture(autouse=True)
def _all_is_well(db: None) -> None:
    queues("default", "http")
    lead()
    a_worker(means={NOOP: 1_000.0})  # two processes
