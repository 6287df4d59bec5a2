"""What a search of tasks finds, on both databases: each word, with its ranges, comparisons and negation."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User

from tasks import database
from tasks.models import Task, TaskAttempt, TaskEvent
from tasks.states import EventKind, FailureCategory, Outcome
from tests.tasks.searching.conftest import names, wrong

pytestmark = [pytest.mark.django_db, pytest.mark.database]

WORDS = {
    "": "abcde",
    "status:failed": "b",
    "status:FAILED,Pending": "bc",
    "-status:failed": "acde",
    "-status:failed,completed -queue:data -status:pending": "d",
    "STATUS:failed": "b",
    "status:failed status:pending": "",
    "type:http_request": "c",
    "type:http": "",
    "queue:http,data": "ce",
    "-queue:default": "ce",
    "priority:9": "a",
    "priority:>=7": "ad",
    "priority:<2": "b",
    "priority:2..7": "cde",
    "priority:7..": "ad",
    "priority:..1,9": "ab",
    "worker:w1@a": "a",  # the others are of w1@test, or of none
    "worker:w1": "",
    "tag:red": "ab",
    'tag:"a,b"': "a",
    "tag:a": "",
    "-tag:red": "cde",
    "attempt:0": "ce",
    "attempt:>1": "b",
    "name:JOB": "abcde",
    'name:"job c"': "c",
    "name:%": "",
    "name:J_b": "",
    "job": "abcde",
    '"Job c"': "c",
    "http_req": "c",
    "-http_req": "abde",
    "job -http": "abde",
    "%": "",
    "_": "c",  # http_request has one, and nothing else
    "payload.order_id:42": "ab",
    'payload.order_id:"42"': "b",
    "payload.order_id:42,100": "abd",
    "payload.order_id:>42": "d",
    "payload.order_id:<=42": "a",
    "payload.order_id:40..100": "ad",
    "-payload.order_id:42": "cde",
    "payload.who:Ünal": "b",
    "payload.who:ünal": "",
    "payload.items.0.sku:A1": "c",
    "payload.items.0.n:2.5": "c",
    "payload.items.0.n:2..3": "c",
    "payload.items.1.sku:A1": "",
    "payload.items.-1.sku:A1": "c",
    "payload.items.-2.sku:A1": "",
    "payload.7.x:y": "e",
    "payload.ok:true": "d",
    "payload.ok:1": "",
    "payload.none:null": "d",
    "payload.text:10%_off": "e",
    "payload.text:10%": "",
    "payload.nothing:null": "",
    "status:pending payload.items.0.sku:A1": "c",
    "duration:>5m": "bd",
    "duration:<1h": "abd",
    "duration:1s..2s": "a",
    "-duration:>1m": "ace",
    "age:<90m": "de",
    "age:>=3h": "ab",
    "age:30m..150m": "cd",
    "-finished:>=2020-01-01": "cde",
    "finished:>=2020-01-01": "ab",
    "created:<2020-01-01": "",
    "created:>2020-01-01T00:00Z": "abcde",
}


@pytest.mark.parametrize(("q", "found"), WORDS.items(), ids=WORDS.keys())
def test_words_find(q: str, found: str, root: User, some: Any) -> None:
    assert names(root, q) == found


FILTERS: list[tuple[dict[str, str], str]] = [
    ({"status": "Completed, FAILED,,queued"}, "ab"),
    ({"status": " , "}, "abcde"),
    ({"tag": "a,b"}, "a"),
    ({"priority": "7..9"}, "ad"),
    ({"queue": "http,data", "status": "pending"}, "c"),
    ({"worker": "w1@a"}, "a"),
    ({"attempt": ">=2"}, "b"),
    ({"created_after": "2020-01-01", "created_before": "9999-12-30"}, "abcde"),
    ({"finished_after": "2020-01-01T00:00:00+02:00"}, "ab"),
    ({"finished_before": "2020-01-01"}, ""),
    ({"min_duration": "1m"}, "bd"),
    ({"max_duration": "2"}, "a"),
    ({"min_duration": "1s", "max_duration": "301.5"}, "ad"),
]


@pytest.mark.parametrize(("filters", "found"), FILTERS, ids=str)
def test_filters_narrow(filters: dict[str, str], found: str, root: User, some: Any) -> None:
    assert names(root, "", **filters) == found
    assert names(root, "job", **filters) == found


def test_ids_are_found_by_their_beginning(root: User, some: dict[str, Task]) -> None:
    task = some["c"]
    for text in (str(task.id), task.id.hex.upper(), f"id:{task.id}", f"id:{str(task.id)[:35]}"):
        assert names(root, text) == "c"
    assert names(root, f"-id:{task.id}") == "abde"
    assert names(root, f"id:{uuid.uuid4()}") == ""
    assert names(root, str(task.id)[:13]) == names(root, f"id:{str(task.id)[:13]}") != ""


@pytest.fixture
def failures(some: dict[str, Task]) -> None:
    def attempt(letter: str, number: int, category: str, error: str, message: str) -> None:
        at = some[letter].created_at
        outcome = Outcome.FAILED if category else Outcome.COMPLETED
        TaskAttempt.objects.create(
            task=some[letter], number=number, outcome=outcome, worker="w", started_at=at, finished_at=at,
            category=category, error_class=error, error_message=message,
        )  # fmt: skip

    attempt("a", 1, "", "", "")
    attempt("b", 2, FailureCategory.CONNECTION, "ConnectError", "refused")
    attempt("b", 3, FailureCategory.TIMEOUT, "ReadTimeout", "nothing for 30 s")
    attempt("c", 1, FailureCategory.HTTP_5XX, "HTTPStatusError", "502 Bad Gateway")
    attempt("d", 1, FailureCategory.RATE_LIMITED, "Throttled", "slow down")
    Task.objects.filter(name="Job c").update(attempt=1)
    Task.objects.filter(name="Job d").update(attempt=2)  # it is at its second
    TaskEvent.objects.create(
        task=some["b"], attempt=3, at=database.now(), kind=EventKind.ABANDONED, reason="no worker knows"
    )


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("error:timeout", "b"),
        ("error:TIMEOUT", "b"),
        ("error:refused", ""),  # an older attempt's
        ("error:502,slow", "cd"),
        ("error:knows", "b"),
        ("-error:timeout", "acde"),
        ("category:timeout,http_5xx", "bc"),
        ("category:connection", ""),
        ("category:RATE_LIMITED", "d"),
        ("status:failed error:gateway", ""),
    ],
)
def test_errors_are_those_of_the_newest_attempt(q: str, found: str, root: User, failures: Any) -> None:
    assert names(root, q) == found


def test_what_may_be_secret_is_not_found_by_guessing(viewer: User, root: User, failures: Any) -> None:
    assert names(viewer, "error:timeout") == "b"
    assert names(viewer, "error:Bad") == ""  # of a message
    assert names(root, "error:Bad") == "c"
    assert wrong(viewer, "payload.order_id:42") == [("no_permission", "q")]
    assert wrong(root, "payload.headers.Authorization:x") == [("secret", "q")]
    assert wrong(root, "payload.params.key:x") == [("secret", "q")]
