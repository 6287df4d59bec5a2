"""Lists: filters, order and pages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tasks import database, paging, selectors
from tasks.models import DeadLetter, Task
from tasks.services import submit_tasks
from tasks.states import Resolution
from tests.tasks.api.conftest import Api
from tests.tasks.api.listing import complaint, names, some
from tests.tasks.rows import a_task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

__all__ = ["some"]  # a fixture


# --- Filters ----------------------------------------------------------------------------------------------------------


def test_the_newest_come_first(root: Api, some: Any) -> None:
    assert names(root) == "edcba"


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"status": "completed"}, "a"),
        ({"status": "COMPLETED"}, "a"),
        ({"status": "Completed, FAILED,,queued"}, "dba"),
        ({"status": "blocked"}, ""),
        ({"status": ""}, "edcba"),
        ({"type": "http_request"}, "c"),
        ({"type": "http"}, ""),
        ({"queue": "http"}, "c"),
        ({"queue": "default", "status": "failed,queued"}, "db"),
        ({"worker": "w2@a"}, "b"),
        ({"tag": "red"}, "ba"),
        ({"tag": "big"}, "a"),
        ({"tag": "re"}, "d"),
        ({"tag": 'q"x'}, "d"),
        ({"tag": "a,b"}, "d"),
        ({"tag": "a"}, ""),
        ({"tag": "red' OR 1=1 --"}, ""),
        ({"tag": "%"}, ""),
    ],
    ids=str,
)
def test_filters_narrow(parameters: dict[str, str], found: str, root: Api, some: Any) -> None:
    assert names(root, **parameters) == found


def test_times_take_from_and_leave_out_until(root: Api, some: dict[str, Task]) -> None:
    b, d = (some[name].created_at for name in "bd")
    assert names(root, created_after=b.isoformat()) == "edcb"
    assert names(root, created_before=d.isoformat()) == "cba"
    assert names(root, created_after=b.isoformat(), created_before=d.isoformat()) == "cb"
    assert names(root, created_after=(b - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")) == "edcb"


@pytest.mark.parametrize(
    ("parameters", "detail"),
    [
        ({"status": "done"}, "'done' is no status: it is one of scheduled, blocked, pending, queued, "),
        ({"status": "failed,compleed"}, "'compleed' is no status; did you mean completed?"),
        ({"created_after": "yesterday"}, "'yesterday' is no time; give one such as 2026-07-01 or "),
        ({"created_before": "2030-13-01T00:00:00Z"}, "'2030-13-01T00:00:00Z' is no time"),
        ({"created_after": "0001-01-01T00:00:00+14:00"}, "'0001-01-01T00:00:00+14:00' is no time"),
        ({"created_before": "9999-12-31T23:59:59-14:00"}, "'9999-12-31T23:59:59-14:00' is no time"),
        ({"ordering": "colour"}, "'colour' is no order; there are created_at, finished_at, priority, run_at"),
        ({"ordering": "payload"}, "'payload' is no order"),
        ({"type": "a\x00b"}, "the value holds the control character '\\x00'"),
        ({"tag": "a\x00b"}, "the value holds the control character '\\x00'"),
        ({"q": "stauts:failed"}, "there is no search word 'stauts'; did you mean status?"),
        ({"q": "x" * 10_000}, "the search has 10,000 characters; the limit is 2,000"),
        ({"q": "a\x00b"}, "the search holds the control character '\\x00'"),
        ({"statuss": "failed"}, "there is no parameter 'statuss'; did you mean status?"),
        ({"payload__contains": "x"}, "there is no parameter 'payload__contains'"),
        ({"cursor": "x"}, "no list in this order gave such a cursor"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_filter_that_is_none_is_said(parameters: dict[str, str], detail: str, root: Api) -> None:
    attr, said = complaint(root, **parameters)
    assert attr == next(iter(parameters))
    assert said.startswith(detail)


# --- Order ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ordering", "found"),
    [
        ("created_at", "abcde"),
        ("-created_at", "edcba"),
        ("priority,-created_at", "ebdca"),
        ("-priority,run_at", "acdbe"),
    ],
)
def test_lists_are_ordered_as_asked(ordering: str, found: str, root: Api, some: Any) -> None:
    assert names(root, ordering=ordering) == found


@pytest.mark.parametrize(("ordering", "found"), [("finished_at", "ab"), ("-finished_at", "ba")])
def test_the_finished_are_ordered_by_their_end_and_the_others_come_last(
    ordering: str, found: str, root: Api, some: Any
) -> None:
    assert names(root, ordering=ordering, status="completed,failed") == found
    narrowed: dict[str, str]
    for narrowed in ({}, {"priority": "0..9"}):  # few are put in order by us
        order = {"ordering": f"{ordering},created_at", **narrowed}
        assert names(root, **order) == f"{found}cde"
        pages = [root.get("tasks/", limit=1, page=page, **order)[1]["results"] for page in range(1, 6)]
        assert "".join(row["name"] for rows in pages for row in rows) == f"{found}cde"


def test_pages_put_the_newest_of_very_many_in_order_and_cursors_all(
    root: Api, some: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "COUNT_CAP", 3)
    monkeypatch.setattr(paging, "MOST_SORTED", 4)
    order = {"ordering": "-priority,-created_at"}
    pages = [root.get("tasks/", limit=2, page=page, **order)[1] for page in (1, 2)]
    assert ["".join(row["name"] for row in page["results"]) for page in pages] == ["dc", "be"]  # without the oldest
    assert pages[1]["next"] is None
    assert ["newest" in page["notes"][0] for page in pages] == [True, True]
    page = root.get("tasks/", cursor="", **order)[1]
    assert ([row["name"] for row in page["results"]], page["notes"]) == (list("adcbe"), [])
    assert names(root, queue="default", **order) == "adb"  # so few are put in order whatever their age


@pytest.mark.parametrize("ordering", ["", "created_at", "-created_at", "priority", "-run_at,priority", "finished_at"])
def test_pages_of_equal_rows_neither_repeat_nor_lose_one(ordering: str, root: Api) -> None:
    now = database.now()
    ids = [a_task(created_at=now, run_at=now).id for _ in range(40)]
    Task.objects.filter(id__in=ids[::3]).update(name="touched")  # moves rows about in PostgreSQL's pages
    seen: list[str] = []
    for page in range(1, 9):
        Task.objects.filter(id__in=ids[page::7]).update(name=f"touched {page}")
        order = {"ordering": ordering} if ordering else {}
        seen += [each["id"] for each in root.get("tasks/", page=page, limit=5, **order)[1]["results"]]
    assert len(seen) == len(set(seen)) == 40


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_pages_lead_to_each_other(root: Api, some: Any) -> None:
    body = root.get("tasks/", limit=2, queue="default", ordering="created_at")[1]
    assert (body["count"], body["count_is_capped"], body["previous"]) == (3, False, None)
    assert [each["name"] for each in body["results"]] == ["a", "b"]
    following = urlsplit(body["next"])
    assert following.path == "/api/tasks/"
    parameters = {name: values[0] for name, values in parse_qs(following.query).items()}
    assert parameters == {"limit": "2", "queue": "default", "ordering": "created_at", "page": "2"}
    body = root.get("tasks/", **parameters)[1]
    assert ([each["name"] for each in body["results"]], body["next"]) == (["d"], None)
    assert "page=" not in body["previous"]


def test_a_page_holds_fifty_unless_asked(root: Api) -> None:
    submit_tasks([{"type": "sample.noop"}] * 510)
    assert len(root.get("tasks/")[1]["results"]) == 50
    body = root.get("tasks/", limit=500)[1]
    assert len(body["results"]) == 500
    assert body["next"] is not None


def test_an_empty_list_has_one_empty_page(root: Api) -> None:
    links: dict[str, Any] = {"next": None, "previous": None}
    empty = {"count": 0, "count_is_capped": False, "notes": [], "results": []} | links
    assert root.get("tasks/") == root.get("tasks/", page=1) == (200, empty)


def test_there_is_no_page_behind_the_last(root: Api, some: Any) -> None:
    code, body = root.get("tasks/", limit=5, page=2)
    assert (code, body["errors"][0]["detail"]) == (404, "there is no page 2")


def test_pages_end_where_offsets_become_dear(root: Api, some: Any) -> None:
    code, body = root.get("tasks/", limit=500, page=201)
    assert code == 404
    assert body["errors"][0]["detail"] == "pages end after 100,000 rows: go on with cursor"


@pytest.mark.parametrize(
    "value",
    [
        "0",
        "-1",
        "1.5",
        "many",
        "",
        " 1",
        "1e2",
        "²",
        "٣",
        "9" * 30,
        "9" * 5_000,
        "000000000001999",
        "0000000000019999999",
    ],
)
@pytest.mark.parametrize("name", ["page", "limit"])
def test_page_and_limit_are_numbers_within_bounds(name: str, value: str, root: Api, some: Any) -> None:
    attr, said = complaint(root, **{name: value})
    assert (attr, said) == (name, f"give a number from 1 to {'100,000' if name == 'page' else '500'}")


def test_counting_ends_at_a_cap(root: Api, some: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for cap, count, capped in ((4, 4, True), (5, 5, False), (6, 5, False)):
        monkeypatch.setattr(selectors, "COUNT_CAP", cap)
        body = root.get("tasks/")[1]
        assert (body["count"], body["count_is_capped"], len(body["results"])) == (count, capped, 5)


# --- Dead letters -----------------------------------------------------------------------------------------------------


@pytest.fixture
def letters() -> Callable[..., str]:
    now = database.now()
    rows: list[dict[str, Any]] = [
        {"type": "http_request", "queue": "http", "category": "http_4xx", "fingerprint": "a" * 16},
        {"type": "http_request", "queue": "http", "category": "timeout", "fingerprint": "b" * 16},
        {"type": "sample.work", "queue": "default", "category": "code_error", "fingerprint": "b" * 16,
         "resolution": Resolution.DISCARDED, "resolved_at": now},
    ]  # fmt: skip
    for number, fields in enumerate(rows):
        DeadLetter.objects.create(message=str(number), created_at=now - timedelta(hours=number), **fields)

    def found(api: Api, **parameters: str) -> str:
        code, body = api.get("dlq/tasks/", **parameters)
        assert code == 200, body
        return "".join(each["message"] for each in body["results"])

    return found


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, "012"),
        ({"open": "true"}, "01"),
        ({"open": "FALSE"}, "2"),
        ({"open": ""}, "012"),
        ({"category": "HTTP_4xx,timeout"}, "01"),
        ({"type": "sample.work"}, "2"),
        ({"queue": "http"}, "01"),
        ({"fingerprint": "b" * 16}, "12"),
        ({"fingerprint": "b" * 16, "open": "true"}, "1"),
        ({"open": "true,false"}, "012"),
        ({"q": "resolution:open type:http_request"}, "01"),
        ({"resolution": "Discarded"}, "2"),
        ({"q": "error:timeout"}, "1"),
    ],
    ids=str,
)
def test_dead_letters_are_narrowed(parameters: dict[str, str], found: str, root: Api, letters: Any) -> None:
    assert letters(root, **parameters) == found


def test_dead_letters_are_narrowed_by_time(root: Api, letters: Any) -> None:
    middle = (database.now() - timedelta(minutes=90)).isoformat()
    assert letters(root, created_after=middle) == "01"
    assert letters(root, created_before=middle) == "2"


def test_a_filter_of_dead_letters_that_is_none_is_said(root: Api) -> None:
    attr, said = complaint(root, "dlq/tasks/", category="bad")
    assert (attr, said[:44]) == ("category", "'bad' is no category: it is one of timeout, ")
    assert complaint(root, "dlq/tasks/", open="maybe") == ("open", "'maybe' is not one of true, false")
    assert complaint(root, "dlq/tasks/", created_after="x")[0] == "created_after"
