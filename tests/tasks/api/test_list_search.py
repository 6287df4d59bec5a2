"""Lists: cursors, and the search beside the filters."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tasks import database
from tasks.api import pagination
from tasks.states import TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.api.listing import complaint, names, some
from tests.tasks.rows import a_task

pytestmark = [pytest.mark.django_db, pytest.mark.database]

__all__ = ["some"]  # a fixture


def walk(api: Api, link: str, way: str) -> tuple[list[str], str | None]:
    """Follows the links to their end; returns the names met, and the last link back."""
    seen: list[str] = []
    back = None
    while link:
        code, body = api.get(link.split("/api/")[1])
        assert code == 200, body
        seen += [each["name"] for each in body["results"]]
        link, back = body[way], body["previous" if way == "next" else "next"]
    return seen, back


@pytest.mark.parametrize(
    "ordering", ["", "created_at", "priority,-created_at", "-run_at", "finished_at", "-finished_at"]
)
def test_cursors_go_through_all_rows_and_back(ordering: str, root: Api) -> None:
    now = database.now()
    for number in range(11):
        status = TaskStatus.COMPLETED if number % 3 else TaskStatus.PENDING  # some have no end
        a_task(
            status, name=f"{number:02}", priority=number % 4, created_at=now - timedelta(hours=number // 4), run_at=now
        )
    order = f"&ordering={ordering}" if ordering else ""
    seen, back = walk(root, f"/api/tasks/?limit=2&cursor={order}", "next")
    assert (sorted(seen), len(seen)) == (sorted(set(seen)), 11)
    assert seen == [each["name"] for each in root.get(f"tasks/?limit=50{order}")[1]["results"]]
    assert back is not None
    pages = [body["name"] for body in root.get(back.split("/api/")[1])[1]["results"]]
    assert pages == seen[-3:-1]


def test_a_list_says_what_to_know_of_its_search(viewer: Api, some: Any) -> None:
    for address in ("tasks/", "tasks/?cursor=", "dlq/tasks/"):
        assert viewer.get(address)[1]["notes"] == []
        hidden, cut = viewer.get(address, q="error:timeout", limit=1)[1]["notes"]
        assert hidden == "Messages of errors were not searched: that needs the permission tasks.view_payload."
        assert "were searched in the newest 100,000 of what the other words match" in cut
    assert viewer.get("tasks/", type="a")[1]["notes"] == ["No installed type is called 'a'."]


def test_a_cursor_stays_where_it_is_when_rows_come_before_it(root: Api, some: Any) -> None:
    body = root.get("tasks/", limit=2, cursor="")[1]
    assert ([each["name"] for each in body["results"]], body["count"], body["previous"]) == (["e", "d"], 5, None)
    a_task(name="new")
    body = root.get(body["next"].split("/api/")[1])[1]
    assert [each["name"] for each in body["results"]] == ["c", "b"]
    before = root.get(body["previous"].split("/api/")[1])[1]
    assert [each["name"] for each in before["results"]] == ["e", "d"]


def test_a_cursor_belongs_to_its_order_and_is_no_page(root: Api, some: Any) -> None:
    following = parse_qs(urlsplit(root.get("tasks/", limit=2, cursor="")[1]["next"]).query)["cursor"][0]
    assert complaint(root, cursor=following, ordering="priority")[0] == "cursor"
    assert complaint(root, cursor=following, page="2") == ("cursor", "give a page or a cursor")
    for broken in (following[:-3], following + "x", "AAAA", "W10", "bnVsbA", "é", "[" * 50, following.swapcase()):
        assert complaint(root, cursor=broken)[0] == "cursor"


def test_the_last_page_leads_on_by_a_cursor(root: Api, some: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagination, "LAST_ROW", 4)
    body = root.get("tasks/", limit=2, page=2)[1]
    body = root.get(body["next"].split("/api/")[1])[1]
    assert [each["name"] for each in body["results"]] == ["a"]


# --- The search -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"q": "status:failed"}, "b"),
        ({"q": "tag:red -status:failed"}, "a"),
        ({"q": "type:http_request", "queue": "http"}, "c"),
        ({"q": "type:http_request", "queue": "data"}, ""),
        ({"q": "age:>150m"}, "ba"),
        ({"q": "%"}, ""),
        ({"priority": ">=5", "q": "-queue:http"}, "da"),
        ({"created_after": "2020-01-01", "finished_before": "9999-01-01"}, "ba"),
        ({"status": "completed,failed"}, "ba"),
    ],
    ids=str,
)
def test_the_search_narrows_beside_the_filters(parameters: dict[str, str], found: str, root: Api, some: Any) -> None:
    assert names(root, **parameters) == found


def test_a_parameter_is_given_once(root: Api) -> None:
    code, body = root.get("tasks/?status=failed&status=queued")
    assert (code, body["errors"]) == (
        400, [{"code": "given_twice", "detail": "it is given more than once", "attr": "status"}],
    )  # fmt: skip


def test_a_viewer_does_not_search_in_payloads(viewer: Api, root: Api, some: Any) -> None:
    assert complaint(viewer, q="payload.n:1") == ("q", "searching in payloads needs the permission tasks.view_payload")
    assert names(root, q="payload.n:1") == ""
