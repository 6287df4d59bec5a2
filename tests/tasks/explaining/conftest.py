"""An installation in which nothing holds a task back: each test spoils one thing."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.explaining.situation import Situation
from tasks.leadership import COORDINATOR
from tasks.models import Leadership
from tests.tasks.desk import NOOP, a_worker
from tests.tasks.rows import queues

_moment: list[datetime] = []  # at which a test's explanations are given


def ago(seconds: float) -> datetime:
    """Returns a time so long before the explanations of the test."""
    return (_moment[0] if _moment else database.now()) - timedelta(seconds=seconds)


def ahead(seconds: float) -> datetime:
    return ago(-seconds)


def lead(**fields: Any) -> None:
    values = {"term": 7, "holder": "here:1:abc", "expires_at": ahead(600), "broker_error": ""} | fields
    Leadership.objects.update_or_create(role=COORDINATOR, defaults=values)


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada")


@pytest.fixture(autouse=True)
def _the_clock_stands(db: None, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """A busy machine makes no sentence another one, and no worker offline."""
    settings.WORKER_ONLINE_SECONDS = 600
    _moment[:] = [database.now()]
    monkeypatch.setattr(Situation, "now", _moment[0])
    yield
    _moment.clear()


@pytest.fixture(autouse=True)
def _all_is_well(_the_clock_stands: None) -> None:
    queues("default", "http")
    lead()
    a_worker(means={NOOP: 1_000.0})  # two processes
