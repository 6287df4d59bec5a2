"""A live server whose rows are of each kind and state, and its administrator."""

import itertools
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.contract.live import served, token_of
from tests.contract.rows import Names, store


@dataclass(frozen=True, slots=True)
class Live:
    url: str
    token: str
    names: Names


@pytest.fixture
def same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn depends on the ids in answers: each run gets the same ones."""
    numbers = itertools.count(1)

    def made() -> uuid.UUID:
        number = next(numbers)
        return uuid.UUID(int=(0x019A_0000_0000 + number) << 80 | 7 << 76 | 2 << 62 | number)

    monkeypatch.setattr("tasks.models.task.uuid7", made)


@pytest.fixture
def live(transactional_db: None, same_ids: None, settings: Any) -> Iterator[Live]:
    settings.API_USER_RATE = settings.API_KEY_RATE = 0  # no bounds
    # Signing in is tried some hundred times, and its cost on purpose is not what is looked at.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    administrator = User.objects.create_superuser("administrator", password="administrator")
    names = store(administrator)
    with served() as url:
        yield Live(url, token_of(administrator), names)
