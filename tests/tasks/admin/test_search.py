"""The search box and the filters of the lists: what is wrong is said, and everything stays in the address."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tasks.states import Outcome, TaskStatus

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TASKS = "/admin/tasks/task/"
LETTERS = "/admin/tasks/deadletter/"

WRONG = {
    "q=stauts:failed": "There is no search word &#x27;stauts&#x27;; did you mean status?",
    "q=status:": "Status: needs a value, without a space after the colon.",
    "q=a%00b": "The search holds the control character &#x27;\\x00&#x27;.",
    "q=" + "x" * 10_000: "The search has 10,000 characters; the limit is 2,000.",
    "created_after=yesterday": "Created after: &#x27;yesterday&#x27; is no time",
    "worker=a%00b": "Worker: the value holds the control character",
    "q=<script>:1": "&lt;script&gt;",  # free text, which nothing has
}


@pytest.mark.parametrize(("query", "words"), WRONG.items(), ids=[query[:40] for query in WRONG])
def test_what_is_wrong_is_said_above_an_empty_list(query: str, words: str, root: Client, make_task: Any) -> None:
    make_task()
    response = root.get(f"{TASKS}?{query}")
    assert (response.status_code, list(response.context["cl"].result_list)) == (200, [])
    assert words in response.content.decode()


@pytest.mark.parametrize("query", ["q=%", "q=_", "q=.*", "q=\\", "q=name:%25", "q=error:_", "worker=%25", "q='+OR+1=1"])
def test_wildcards_are_plain_text(query: str, root: Client, make_task: Any, make_attempt: Any) -> None:
    make_attempt(
        make_task(TaskStatus.FAILED, type="cleanup", worker="w"),
        outcome=Outcome.FAILED, category="timeout", error_class="E",
    )  # fmt: skip
    cl = root.get(f"{TASKS}?{query}").context["cl"]
    assert (cl.search_errors, list(cl.result_list)) == ([], [])


def test_search_and_filters_stay_in_the_address(root: Client, make_task: Any) -> None:
    for _ in range(60):
        make_task(TaskStatus.FAILED, name="Nightly", tags=["red"])
    text = root.get(f"{TASKS}?q=nightly&status=failed&tag=red&min_duration=1s").content.decode()
    assert 'value="nightly"' in text
    for name, value in (("status", "failed"), ("tag", "red"), ("min_duration", "1s")):
        assert text.count(f'name="{name}" value="{value}"') >= 2  # beside the search box, and in the filters
    page = root.get(f"{TASKS}?q=nightly&status=failed&p=2")
    assert len(page.context["cl"].result_list) == 10
    assert 'name="p"' not in page.content.decode()  # another search begins at its first page


def test_a_page_beyond_the_end_leads_back_to_the_same_list(root: Client, make_task: Any) -> None:
    for _ in range(51):
        make_task(TaskStatus.FAILED)
    response = root.get(f"{TASKS}?status=failed&p=9", follow=True)
    assert response.redirect_chain == [(f"{TASKS}?status=failed", 302)]
    assert "There is no page 9: this is the first." in response.content.decode()
    assert len(response.context["cl"].result_list) == 50
    for name in ("failuregroup", "bulkaction"):  # of one page, and of none
        response = root.get(f"/admin/tasks/{name}/?p=77&status=failed", follow=True)
        assert "There is no page 77: this is the first." in response.content.decode()
    late = root.post(f"{TASKS}?status=failed&p=9", {"action": "cancel", "_selected_action": ["x"]}, follow=True)
    assert "There is no page 9: this is the first. Nothing was done." in late.content.decode()


def test_a_name_that_nothing_has_is_said(root: Client) -> None:
    assert "did you mean http_request?" in root.get(f"{TASKS}?q=type:http_reqest").content.decode()


def test_dead_letters_have_words_of_their_own(root: Client, make_task: Any, make_dead_letter: Any) -> None:
    letter = make_dead_letter(make_task(TaskStatus.FAILED, name="Nightly"))
    for query in (
        "q=resolution:OPEN+class:ValueError",
        "q=nightly",
        f"fingerprint={letter.fingerprint}",
        "q=error:broke",
    ):
        assert [row.pk for row in root.get(f"{LETTERS}?{query}").context["cl"].result_list] == [letter.pk]
    assert "no search word &#x27;worker&#x27;" in root.get(f"{LETTERS}?q=worker:x").content.decode()


def test_few_rows_cost_one_look_at_the_table(root: Client, make_task: Any) -> None:
    task = make_task(TaskStatus.FAILED, queue="data")
    for _ in range(3):
        make_task()
    with CaptureQueriesContext(connection) as queries:
        response = root.get(f"{TASKS}?q=queue:data")
    assert [row.pk for row in response.context["cl"].result_list] == [task.pk]
    looks = [query["sql"] for query in queries if 'FROM "tasks_task"' in query["sql"]]
    assert len(looks) == 2  # the keys, and the rows by their keys
    assert '"tasks_task"."id" IN (' in looks[1]


# --- Completion -------------------------------------------------------------------------------------------------------


def offered(client: Client, text: str, address: str = TASKS) -> list[str]:
    response = client.get(f"{address}complete/", {"q": text})
    assert response.status_code == 200
    return [each["text"] for each in response.json()["suggestions"]]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("sta", ["status:"]),
        ("-sta", ["-status:"]),
        ("foo CRE", ["foo created:"]),
        ("status:f", ["status:failed"]),
        ("status:failed,can", ["status:failed,cancelled"]),
        ("type:http", ["type:http_request"]),
        ("queue:ht", ["queue:http"]),
        ('tag:"b', ['tag:"big one"']),
        ("priority:>", ["priority:>=7"]),
        ("payload", ["payload."]),
        ("type:http_request payload.ur", ["type:http_request payload.url:"]),
        ("worker:w@", ["worker:w@here"]),
        ("nonsense:x", []),
        ('"an open', []),
        ("x" * 3_000, []),
        ("a\x00", []),
    ],
)
def test_words_and_values_are_completed(
    text: str, first: list[str], root: Client, make_task: Any, make_worker: Any
) -> None:
    make_task(tags=["big one", 'q"x'])
    make_worker("w@here")
    assert offered(root, text)[: len(first) or None] == first


def test_an_empty_box_offers_the_words(root: Client) -> None:
    assert offered(root, "")[:3] == ["status:", "type:", "queue:"]
    assert offered(root, "status:failed ")[0] == "status:failed status:"
    assert offered(root, "", LETTERS)[0] == "resolution:"


def test_a_viewer_does_not_search_in_payloads(sign_in: Callable[..., Client], make_task: Any) -> None:
    make_task(payload={"n": 1})
    viewer = sign_in("tasks.view_task")
    response = viewer.get(f"{TASKS}?q=payload.n:1")
    assert list(response.context["cl"].result_list) == []
    assert "needs the permission tasks.view_payload" in response.content.decode()
    assert offered(viewer, "payl") == []
