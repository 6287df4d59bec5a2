"""People with rights, dead letters of several classes, and the coordinator's duty in the test's own hands."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tasks import database
from tasks.models import BulkAction, DeadLetter
from tasks.searching import Selection
from tasks.services import start_bulk_action
from tasks.services.bulk_actions import running
from tasks.states import FailureCategory, TaskStatus
from tests.tasks.rows import TERM, lead, tasks

RIGHTS = ("view_task", "change_task", "view_deadletter", "change_deadletter", "view_payload")


@pytest.fixture
def operator(db: None) -> User:
    user = User.objects.create_user("olga")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="tasks", codename__in=RIGHTS))
    return user


@pytest.fixture
def start(operator: User) -> Callable[..., BulkAction]:
    """Starts an action on all tasks, or all open dead letters, unless told otherwise."""

    def start(verb: str, q: str = "", **given: Any) -> BulkAction:
        kind: Any = "dead_letters" if verb in ("reprocess", "discard") else "tasks"
        values: dict[str, Any] = {
            "selection": Selection(kind, q),
            "actor": operator,
            "reason": "the tests want it",
            "options": {},
            "expected_count": None,
        }
        return start_bulk_action(verb=verb, **values | given)

    return start


@pytest.fixture
def turn(db: None) -> Callable[..., int]:
    """Does what the coordinator does in one turn."""
    lead()
    return lambda seconds=5.0, term=TERM: running.do_bulk_actions(term, seconds=seconds)


@pytest.fixture
def batch(turn: Any) -> Callable[[BulkAction], int]:
    """Does one batch of an action, as a turn begins."""
    return lambda action: running._do_batch(action.id, TERM)


def dead_letters(count: int, fingerprint: str = "a" * 16, **fields: Any) -> list[uuid.UUID]:
    """Stores failed tasks with their open dead letters; returns the ids of the tasks."""
    ids, now = tasks(count, TaskStatus.FAILED, **fields), database.now()
    DeadLetter.objects.bulk_create(
        DeadLetter(
            task_id=each, type=fields.get("type", "sample.noop"), queue="default", category=FailureCategory.CODE_ERROR,
            error_class="ValueError", message="it broke", fingerprint=fingerprint, created_at=now,
        )
        for each in ids
    )  # fmt: skip
    return ids


def again(action: BulkAction) -> BulkAction:
    """Returns the action as it is now."""
    return BulkAction.objects.get(id=action.id)
