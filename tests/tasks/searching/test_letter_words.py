"""What a search of dead letters finds, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.models import DeadLetter, Task
from tasks.searching import Selection
from tasks.states import Resolution
from tests.tasks.searching.conftest import wrong

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def letters(some: dict[str, Task]) -> dict[str, DeadLetter]:
    now = database.now()
    rows: dict[str, dict[str, Any]] = {
        "1": {"task": some["b"], "type": "sample.noop", "queue": "default", "category": "timeout", "attempts": 3},
        "2": {"task": some["a"], "type": "sample.noop", "queue": "default", "category": "code_error",
              "resolution": Resolution.DISCARDED, "resolved_at": now},
        "3": {"category": "invalid_payload", "error_class": "Garbage", "body": "x"},
    }  # fmt: skip
    return {
        name: DeadLetter.objects.create(
            **{"created_at": now - timedelta(hours=int(name)), "message": f"m{name}", "fingerprint": "f" * 15 + name}
            | fields
        )
        for name, fields in rows.items()
    }


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("", "123"),
        ("resolution:open", "13"),
        ("resolution:OPEN,discarded", "123"),
        ("-resolution:open", "2"),
        ("type:sample.noop", "12"),
        ("category:timeout,code_error", "12"),
        ("class:Garbage", "3"),
        ("garb", "3"),
        ("job", "12"),
        ('-name:"job a"', "13"),
        ("attempt:3", "1"),
        ("error:m2", "2"),
        ("-error:m2", "13"),
        ("payload.order_id:42", "12"),
        ("-payload.order_id:42", "3"),
        ("age:>90m", "23"),
        ("resolved:>=2020-01-01", "2"),
        (f"fingerprint:{'f' * 15}1", "1"),
    ],
)
def test_words_find_dead_letters(q: str, found: str, root: User, letters: Any) -> None:
    rows = Selection("dead_letters", q).rows(root)
    assert "".join(sorted(row.message[1:] for row in rows)) == found


def test_dead_letters_are_found_by_both_ids(root: User, letters: dict[str, DeadLetter], some: dict[str, Task]) -> None:
    for q in (str(letters["1"].id), f"id:{letters['1'].id}", str(some["b"].id), f"id:{some['b'].id}"):
        assert [row.id for row in Selection("dead_letters", q).rows(root)] == [letters["1"].id]


def test_filters_of_dead_letters(root: User, letters: Any) -> None:
    def found(**filters: str) -> str:
        return "".join(sorted(row.message[1:] for row in Selection("dead_letters", "", filters).rows(root)))

    assert found(resolution="open", type="sample.noop") == "1"
    assert found(error_class="Garbage") == "3"
    assert found(fingerprint=f"{'f' * 15}1,{'f' * 15}2") == "12"
    assert found(created_after="2020-01-01", category="TIMEOUT") == "1"
    assert wrong(root, "", "dead_letters", priority="1") == [("unknown_parameter", "priority")]
