"""The list of queues and the page of one: what they say, and that they say what the API says."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tasks import database
from tasks.admin.queue_face import lasting, rate
from tasks.leadership import COORDINATOR
from tasks.models import AuditEntry, Leadership, Queue
from tasks.services import limit_queue, pause_queue
from tasks.states import TaskStatus
from tasks.versions import version_of
from tests.tasks.admin.conftest import NASTY
from tests.tasks.rows import queues

pytestmark = [pytest.mark.django_db, pytest.mark.database]

LIST = "/admin/tasks/queue/"


@pytest.fixture(autouse=True)
def _queues() -> None:
    queues("http", "data")


def address(action: str = "change", name: str = "http") -> str:
    return reverse(f"admin:tasks_queue_{action}", args=[name])


def words(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def test_a_row_answers_the_questions(root: Client, make_task: Any, make_worker: Any) -> None:
    now = database.now()
    make_worker("w", processes=3)
    limit_queue("http", rate_limit=2.5, concurrency_limit=2)
    make_task(TaskStatus.PENDING, run_at=now - timedelta(seconds=3_700), created_at=now - timedelta(hours=1))
    make_task(TaskStatus.QUEUED, queued_at=now)
    make_task(TaskStatus.PROCESSING)
    for _ in range(6):
        make_task(TaskStatus.COMPLETED)
    text = words(root.get(LIST).content.decode())
    for said in ("Limited 2 of 2 at once are under way", "1 h 1 min", "3 async", "1.6/min / 1.2/min", "1 min 40 s",
                 "limit: 2.5 a second, 2 at once"):  # fmt: skip
        assert said in text, said


def test_the_list_has_no_search_box_that_finds_nothing(root: Client) -> None:
    for address in (LIST, "/admin/tasks/worker/"):
        assert 'id="searchbar"' not in root.get(address).content.decode()


def test_admin_and_api_show_the_same_numbers(root: Client, make_task: Any) -> None:
    for status in (TaskStatus.PENDING, TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.PROCESSING):
        make_task(status)
    row = next(row for row in root.get(LIST).context["cl"].result_list if row.name == "http")
    page = root.get(address()).context["face"].figures
    api = root.get("/api/queue-manager/queues/http/").json()
    assert row.face.figures.counts == page.counts == api["counts"]
    assert row.face.figures.depth == page.depth == api["depth"] == 3


def test_a_pause_is_shown_as_asked_and_in_force(root: Client, make_task: Any) -> None:
    make_task(TaskStatus.PROCESSING)
    pause_queue("http", reason=f"down {NASTY}")
    context = root.get(address()).context["pause"]
    assert (context["is_dispatch"], context["running"]) == (True, 1)
    make_task(TaskStatus.QUEUED)  # marked at that very moment
    context = root.get(address()).context["pause"]
    assert not context["is_dispatch"]
    assert "no coordinator leads" in context["dispatch"]
    Leadership.objects.create(role=COORDINATOR, expires_at=database.now() + timedelta(seconds=8), term=1)
    response = root.get(address())
    assert "the coordinator takes them back" in response.context["pause"]["dispatch"]
    text = response.content.decode()
    assert NASTY not in text
    assert "down &lt;script&gt;" in text
    assert root.get(address(name="data")).context["pause"] is None


def test_types_failures_and_links(root: Client, make_task: Any, make_dead_letter: Any, make_worker: Any) -> None:
    make_worker("w", types={"http_request": "async"})
    letter = make_dead_letter(make_task(TaskStatus.FAILED), message=f"broke {NASTY}")
    make_dead_letter(make_task(TaskStatus.FAILED, queue="data"))
    response = root.get(address())
    types = {each["name"]: each["is_known"] for each in response.context["types"]}
    assert types["http_request"]
    assert [each["address"] for each in response.context["failures"]] == [
        reverse("admin:tasks_deadletter_change", args=[letter.pk])
    ]
    text = response.content.decode()
    assert NASTY not in text
    for link in ("?queue=http", "?queue=http&amp;type=http_request"):
        assert f"/admin/tasks/task/{link}" in text
        assert root.get(f"/admin/tasks/task/{link.replace('&amp;', '&')}").status_code == 200


class TestTwoOperators:
    def test_who_pauses_second_learns_of_the_first(self, root: Client, sign_in: Callable[..., Client]) -> None:
        other = sign_in("tasks.view_queue", "tasks.change_queue")
        root.get(address("pause"))  # both have the form before them
        other.post(address("pause"), {"reason": "first"})
        response = root.post(address("pause"), {"reason": "second"}, follow=True)
        said = [str(message) for message in response.context["messages"]]
        assert len(said) == 1
        assert said[0].startswith("It was paused already, by user-")
        assert said[0].endswith(": first. Nothing was changed.")
        assert Queue.objects.get(name="http").pause_reason == "first"
        assert AuditEntry.objects.filter(verb="pause").count() == 1

    def test_who_resumes_second_does_too(self, root: Client) -> None:
        pause_queue("http")
        for said in ("The queue goes on.", "It was not paused any more. Nothing was changed."):
            response = root.post(address("resume"), {}, follow=True)
            assert [str(message) for message in response.context["messages"]] == [said]

    def test_limits_that_were_set_meanwhile_are_not_overwritten(self, root: Client) -> None:
        seen = version_of(Queue.objects.get(name="http"))
        limit_queue("http", rate_limit=5.0)
        response = root.post(address("limit"), {"seen": seen, "concurrency_limit": "3"}, follow=True)
        (said,) = [str(message) for message in response.context["messages"]]
        assert said.startswith("Nothing was done")
        queue = Queue.objects.get(name="http")
        assert (queue.rate_limit, queue.concurrency_limit) == (5.0, None)


def test_the_form_in_its_place_sets_limits(root: Client, sign_in: Callable[..., Client]) -> None:
    response = root.get(address())
    text = response.content.decode()
    assert f'action="{address("limit")}"' in text
    assert text[text.index('id="content-main"') :].count("<form") == 1  # a form within another is dropped by browsers
    fields = {"seen": response.context["limits_form"]["seen"].value(), "rate_limit": "0.5", "concurrency_limit": ""}
    assert root.post(address("limit"), fields).status_code == 302
    assert Queue.objects.get(name="http").rate_limit == 0.5
    assert root.get(address()).context["face"].limits == "0.5 a second"
    viewer = sign_in("tasks.view_queue").get(address())
    assert viewer.context["limits_form"] is None
    assert "limits_form" not in viewer.content.decode()


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e999", "ten", "0x10"])
def test_a_rate_that_is_none_is_refused(root: Client, text: str) -> None:
    response = root.post(address("limit"), {"rate_limit": text})
    assert response.context["form"].errors["rate_limit"]
    assert Queue.objects.get(name="http").rate_limit is None


def test_a_queue_that_is_not_there_leads_back(root: Client) -> None:
    for action in ("change", "pause", "limit"):
        response = root.get(address(action, "nowhere"), follow=True)
        assert "exist. Perhaps it was deleted?" in response.content.decode()
        assert root.post(address(action, "nowhere"), {}).status_code in (302, 403)


def test_a_description_is_changed_and_harmless(root: Client) -> None:
    root.post(address("describe"), {"description": f"Calls {NASTY}"})
    assert Queue.objects.get(name="http").description == f"Calls {NASTY}"
    for place in (LIST, address(), "/admin/"):
        assert NASTY not in root.get(place).content.decode()
    response = root.post(address("describe"), {"description": "x" * 201})
    assert response.context["form"].errors["description"]
    (entry,) = AuditEntry.objects.filter(verb="describe")
    assert entry.after == {"description": f"Calls {NASTY}"}


@pytest.mark.parametrize(
    ("number", "said"), [(None, "\N{EN DASH}"), (0.0, "0"), (0.03, "1.8/min"), (2.34, "2.3/s"), (1234.5, "1,234/s")]
)
def test_rates_in_words(number: float | None, said: str) -> None:
    assert rate(number) == said


@pytest.mark.parametrize(("seconds", "said"), [(None, "\N{EN DASH}"), (0.2, "now"), (65.3, "1 min 5 s")])
def test_ages_in_words(seconds: float | None, said: str) -> None:
    assert lasting(seconds) == said


def test_a_worker_shows_what_it_runs_and_how_it_is(root: Client, make_worker: Any, make_task: Any) -> None:
    make_worker(f"w@{NASTY[:8]}", last_task_at=database.now())
    ends = database.now() + timedelta(seconds=3_900)
    make_task(TaskStatus.PROCESSING, worker=f"w@{NASTY[:8]}", name=f"Run {NASTY}", lease_expires_at=ends)
    make_task(TaskStatus.PROCESSING, worker="other")
    (row,) = root.get("/admin/tasks/worker/").context["cl"].result_list
    assert (row.state, row.running) == ("alive", 1)
    response = root.get(reverse("admin:tasks_worker_change", args=[row.pk]))
    (lease,) = response.context["leases"]
    assert (lease["name"], lease["is_over"], lease["lease"]) == (f"Run {NASTY}", False, "in 1 h")
    assert NASTY not in response.content.decode()


def test_leases_are_for_those_who_may_see_tasks(sign_in: Callable[..., Client], make_worker: Any) -> None:
    make_worker("w")
    response = sign_in("tasks.view_worker").get(reverse("admin:tasks_worker_change", args=["w"]))
    assert response.context["leases"] is None
    assert "Runs now" not in response.content.decode()
