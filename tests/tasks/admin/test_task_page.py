"""The page of one task."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tasks import database
from tasks.admin.task_page import log as log_box
from tasks.admin.task_page import page as whole_page
from tasks.leadership import COORDINATOR
from tasks.models import Leadership, Task, TaskEvent, TaskLog
from tasks.services import pause_queue, submit_task
from tasks.states import EventKind, FailureCategory, Outcome, TaskStatus
from tests.tasks.admin.conftest import NASTY
from tests.tasks.desk import a_worker

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def page(client: Client, task: Task) -> Any:
    response = client.get(reverse("admin:tasks_task_change", args=[task.pk]))
    assert response.status_code == 200
    return response


def facts(client: Client, task: Task) -> dict[str, str]:
    return {label: str(value) for label, value in page(client, task).context["facts"]}


def test_all_facts_are_there(root: Client, make_task: Any) -> None:
    ada = User.objects.create_user("ada")
    task = make_task(
        name="Nightly export", tags=["billing", "nightly"], idempotency_key="k-1", created_by=ada, payload_bytes=2048
    )
    shown = facts(root, task)
    assert shown["Id"] == str(task.pk)
    assert shown["Tags"] == "billing, nightly"
    assert shown["Created by"] == "ada"
    assert shown["Idempotency key"] == "k-1"
    assert shown["Payload size"] == "2,048 bytes"
    assert shown["Duration"] == "2 s"
    assert shown["Retries"] == "exponential, after up to 1 s, 2 s"
    assert not {"Progress", "Cancel requested", "Messages lost", "Lease until"} & set(shown)


def test_what_is_rare_is_said_when_it_is_so(root: Client, make_task: Any) -> None:
    task = make_task(
        TaskStatus.PROCESSING,
        attempt=4,
        uncounted=2,
        progress=0.4,
        progress_text="step 2",
        cancel_requested_at=database.now(),
        losses=1,
        returns=2,
        suspect=True,
    )
    shown = facts(root, task)
    assert shown["Attempt"] == "2 of 3 (number 4, 2 not counted)"
    assert shown["Progress"] == "40% step 2"
    assert shown["Messages lost"] == "2"
    assert {"Cancel requested", "Lease until", "Runs alone", "Processes lost alone with it"} <= set(shown)


@pytest.mark.parametrize(
    ("retry", "max_attempts", "words"),
    [
        ({"kind": "none"}, 3, "at once"),
        ({"kind": "fixed", "base": 5, "jitter": False}, 3, "fixed, after 5 s, 5 s"),
        ({"kind": "linear", "base": 60, "jitter": False}, 9, "linear, after 1 min, 2 min, 3 min, 4 min, 5 min, …"),
        ({}, 1, "none"),
    ],
)
def test_the_retry_policy_is_put_into_words(
    retry: dict[str, Any], max_attempts: int, words: str, root: Client, make_task: Any
) -> None:
    assert facts(root, make_task(retry=retry, max_attempts=max_attempts))["Retries"] == words


def test_payload_and_result_are_written_out(root: Client, make_task: Any, make_attempt: Any) -> None:
    task = make_task(payload={"order": 17})
    make_attempt(task, 1, Outcome.FAILED, result={"details": "old"})
    make_attempt(task, 2, result={"answer": 42})
    contents = dict(page(root, task).context["contents"])
    assert contents == {"Payload": '{\n  "order": 17\n}', "Result": '{\n  "answer": 42\n}'}


def test_a_failed_attempt_has_details_and_no_result(root: Client, make_task: Any, make_attempt: Any) -> None:
    task = make_task(TaskStatus.FAILED)
    make_attempt(
        task,
        outcome=Outcome.FAILED,
        category=FailureCategory.HTTP_5XX,
        error_class="TaskFailed",
        error_message="status 503",
        traceback="Traceback: here",
        result={"status": 503},
    )
    response = page(root, task)
    assert dict(response.context["contents"])["Result"] == ""
    (attempt,) = response.context["attempts_open"]
    assert attempt["error"] == "TaskFailed: status 503"
    assert '"status": 503' in attempt["details"]
    text = response.content.decode()
    assert "HTTP 5xx" in text
    assert "<details><summary>Traceback</summary>" in text


def test_the_running_attempt_is_shown_from_its_task(root: Client, make_task: Any, make_attempt: Any) -> None:
    task = make_task(TaskStatus.PROCESSING, attempt=2)
    make_attempt(task, 1, Outcome.LOST)
    attempts = page(root, task).context["attempts_open"]
    assert [(each["number"], each["outcome"]) for each in attempts] == [(2, "Running"), (1, "Lost")]


def test_long_histories_are_cut_and_lead_on(root: Client, make_task: Any, make_attempt: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(whole_page, "ATTEMPTS_SHOWN", 2)
    monkeypatch.setattr(whole_page, "EVENTS_SHOWN", 2)
    monkeypatch.setattr(log_box, "LOGS_SHOWN", 2)
    task = make_task()
    for number in (1, 2, 3):
        at = database.now() + timedelta(seconds=number)
        make_attempt(task, number)
        TaskLog.objects.create(task=task, attempt=number, at=at, level="info", message=f"line {number}")
        TaskEvent.objects.create(task=task, attempt=number, at=at, kind=EventKind.EDITED, reason=f"reason {number}")
    response = page(root, task)
    assert [each["number"] for each in response.context["attempts_open"]] == [3, 2]
    assert [each["message"] for each in response.context["log"]["lines"]] == ["line 2", "line 3"]
    assert [each["reason"] for each in response.context["events"]] == ["reason 3", "reason 2"]
    text = response.content.decode()
    assert f"{reverse('admin:tasks_taskattempt_changelist')}?q={task.pk}" in text
    assert "The latest 2 lines." in text


def test_the_newest_dead_letter_is_linked_for_those_who_may_see_it(
    root: Client, sign_in: Any, make_task: Any, make_dead_letter: Any
) -> None:
    task = make_task(TaskStatus.FAILED)
    assert facts(root, task)["Dead letter"] == "None"
    letter = make_dead_letter(task)
    address = reverse("admin:tasks_deadletter_change", args=[letter.pk])
    assert address in facts(root, task)["Dead letter"]
    assert facts(sign_in("tasks.view_task"), task)["Dead letter"] == "Open"


# --- How it stands ----------------------------------------------------------------------------------------------------


def test_a_waiting_task_says_why_and_offers_what_mends_it(root: Client, sign_in: Any, make_task: Any) -> None:
    pause_queue("http", reason=f"down {NASTY}")
    Leadership.objects.create(role=COORDINATOR, term=1, expires_at=database.now() + timedelta(hours=1))
    a_worker(queues=["http.async"], types={"http_request": "async"})
    task = make_task(TaskStatus.PENDING)
    shown = page(root, task)
    assert shown.context["why"]["sentence"].endswith(f"): down {NASTY}.")
    text = shown.content.decode()
    address = reverse("admin:tasks_queue_resume", args=["http"])
    assert f'<a class="ty-remedy" href="{address}">Resume the queue</a>' in text
    assert NASTY not in text
    viewer = page(sign_in("tasks.view_task", "tasks.view_queue"), task).content.decode()
    assert "Resume the queue" in viewer
    assert address not in viewer
    Leadership.objects.all().delete()
    why = page(root, task).context["why"]
    assert why["remedy"] == {"words": "Start a coordinator: manage.py coordinator", "address": ""}
    assert len(why["also"]) == 1
    assert page(root, make_task(TaskStatus.COMPLETED)).context["why"] is None


def test_evidence_leads_to_the_tasks_that_it_names(root: Client, make_task: Any) -> None:
    parent = make_task(TaskStatus.PROCESSING, name=f"parent {NASTY}")
    task = Task.objects.get(pk=submit_task(type="sample.noop", depends_on=[parent.pk]).id)
    shown = page(root, task)
    assert [each["status"] for each in shown.context["why"]["tasks"]] == ["Processing"]
    assert shown.content.decode().count(f'href="{reverse("admin:tasks_task_change", args=[parent.pk])}"') >= 2


def test_the_newest_error_stands_out(root: Client, make_task: Any, make_attempt: Any) -> None:
    task = make_task(TaskStatus.RETRYING, attempt=2)
    for number, message in ((1, "first"), (2, "second")):
        make_attempt(task, number, Outcome.FAILED, error_class="E", error_message=message)
    failure = page(root, task).context["failure"]
    assert (failure["title"], failure["error"], failure["is_past"]) == ("Attempt 2 failed", "E: second", True)
    done = make_task(TaskStatus.COMPLETED, attempt=2)
    make_attempt(done, 1, Outcome.FAILED, error_class="E", error_message="gone")
    make_attempt(done, 2)
    assert page(root, done).context["failure"] is None


def test_many_attempts_are_folded(root: Client, make_task: Any, make_attempt: Any) -> None:
    task = make_task(TaskStatus.FAILED, attempt=11)
    for number in range(1, 12):
        make_attempt(task, number, Outcome.FAILED, traceback="Traceback")
    shown = page(root, task)
    assert [each["number"] for each in shown.context["attempts_folded"]] == [3, 2, 1]
    assert "3 older attempts" in shown.content.decode()


def test_the_release_is_told_where_it_is_certain(root: Client, make_task: Any, make_attempt: Any) -> None:
    now = database.now()
    a_worker("w@here", release="2.1", started_at=now - timedelta(seconds=5))
    task = make_task(TaskStatus.FAILED, attempt=2)
    make_attempt(task, 1, Outcome.FAILED, started_at=now - timedelta(seconds=9))  # of what release it was by then?
    make_attempt(task, 2, Outcome.FAILED)
    assert [each["release"] for each in page(root, task).context["attempts_open"]] == ["2.1", ""]


@pytest.mark.parametrize(
    ("level", "lines"),
    [("", ["a", "b", "c", "d"]), ("warning", ["c", "d"]), ("error", ["d"]), ("nonsense", ["a", "b", "c", "d"])],
)
def test_a_log_is_shown_from_a_level_on(level: str, lines: list[str], root: Client, make_task: Any) -> None:
    task = make_task()
    for message, at_level in zip("abcd", ("debug", "info", "warning", "error"), strict=True):
        TaskLog.objects.create(task=task, attempt=1, at=database.now(), level=at_level, message=message)
    response = root.get(reverse("admin:tasks_task_change", args=[task.pk]), {"level": level})
    assert [each["message"] for each in response.context["log"]["lines"]] == lines
    assert response.content.decode().count('aria-current="true">') == 1


def test_big_integers_stay_exact(root: Client, make_task: Any) -> None:
    payload = dict(page(root, make_task(payload={"n": 12345678901234567890123, "x": 1.5})).context["contents"])[
        "Payload"
    ]
    assert json.loads(payload) == {"n": 12345678901234567890123, "x": 1.5}
    assert "12345678901234567890123" in payload


def test_contents_without_end_are_cut(root: Client, make_task: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(whole_page, "CONTENTS_SHOWN", 10)
    shown = dict(page(root, make_task(payload={"text": "x" * 100})).context["contents"])["Payload"]
    assert shown.startswith('{\n  "text"\n…')
    assert shown.endswith(" more")


def test_others_of_its_type_are_a_strip(root: Client, make_task: Any) -> None:
    first = make_task(TaskStatus.FAILED)
    assert page(root, first).context["siblings"] is None
    make_task(type="other")
    make_task(TaskStatus.COMPLETED, started_at=database.now() - timedelta(seconds=8))
    strip = page(root, first).context["siblings"]
    assert strip["words"] == "The latest 2 tasks of this type: 1 completed, 1 failed."
    assert sorted((bar["status"], bar["is_this"]) for bar in strip["bars"]) == [("completed", False), ("failed", True)]
    assert strip["longest"] == "8 s"


# --- Its cost and its safety ------------------------------------------------------------------------------------------


def test_a_long_life_costs_no_more_queries_than_a_short_one(root: Client, make_task: Any, make_attempt: Any) -> None:
    costs = []
    for attempts in (1, 30):
        task = make_task(TaskStatus.FAILED, attempt=attempts)
        for number in range(1, attempts + 1):
            make_attempt(task, number, Outcome.FAILED)
            TaskEvent.objects.create(task=task, attempt=number, at=database.now(), kind=EventKind.RETURNED)
            TaskLog.objects.create(task=task, attempt=number, at=database.now(), level="info", message="line")
        page(root, task)
        with CaptureQueriesContext(connection) as queries:
            page(root, task)
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 20


def test_what_would_not_be_seen_is_written_out(sign_in: Any, make_task: Any, make_attempt: Any) -> None:
    """Control characters, and signs that turn the direction of writing: a name must not look like another."""
    odd = "a\x1b[31m\u202eb"
    task = make_task(
        TaskStatus.FAILED, name=f"name {odd}", tags=[f"tag {odd}"], payload={"x": f"payload {odd}"},
        idempotency_key=f"key {odd}", progress=0.5, progress_text=f"progress {odd}", worker=f"worker {odd}",
    )  # fmt: skip
    make_attempt(
        task, outcome=Outcome.FAILED, error_class=f"class {odd}", error_message=f"error {odd}",
        traceback=f"traceback {odd}", worker=f"worker {odd}", result={"x": f"result {odd}"},
    )  # fmt: skip
    TaskLog.objects.create(
        task=task, attempt=1, at=database.now(), level="info", message=f"log {odd}", fields={"x": f"field {odd}"}
    )
    TaskEvent.objects.create(task=task, attempt=1, at=database.now(), kind=EventKind.EDITED, reason=f"reason {odd}")
    for rights in (["tasks.view_task", "tasks.view_payload"], ["tasks.view_task", "tasks.view_worker"]):
        text = page(sign_in(*rights), task).content.decode()
        assert "\x1b" not in text
        assert "\u202e" not in text
    full = page(sign_in("tasks.view_task", "tasks.view_payload"), task).content.decode()
    for word in "name tag payload key progress worker class error traceback result log field reason".split():
        assert f"{word} a\\u001b[31m\\u202eb" in full, word
