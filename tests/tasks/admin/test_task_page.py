"""The page of one task."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tasks import database
from tasks.admin import task_page
from tasks.models import Task, TaskEvent, TaskLog
from tasks.states import EventKind, FailureCategory, Outcome, TaskStatus

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
    (attempt,) = response.context["attempts"]
    assert attempt["error"] == "TaskFailed: status 503"
    assert '"status": 503' in attempt["details"]
    text = response.content.decode()
    assert "HTTP 5xx" in text
    assert "<details><summary>Traceback</summary>" in text


def test_the_running_attempt_is_shown_from_its_task(root: Client, make_task: Any, make_attempt: Any) -> None:
    task = make_task(TaskStatus.PROCESSING, attempt=2)
    make_attempt(task, 1, Outcome.LOST)
    attempts = page(root, task).context["attempts"]
    assert [(each["number"], each["outcome"]) for each in attempts] == [(2, "Running"), (1, "Lost")]


def test_long_histories_are_cut_and_lead_on(root: Client, make_task: Any, make_attempt: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(task_page, "ATTEMPTS_SHOWN", 2)
    monkeypatch.setattr(task_page, "LOGS_SHOWN", 2)
    monkeypatch.setattr(task_page, "EVENTS_SHOWN", 2)
    task = make_task()
    for number in (1, 2, 3):
        at = database.now() + timedelta(seconds=number)
        make_attempt(task, number)
        TaskLog.objects.create(task=task, attempt=number, at=at, level="info", message=f"line {number}")
        TaskEvent.objects.create(task=task, attempt=number, at=at, kind=EventKind.EDITED, reason=f"reason {number}")
    response = page(root, task)
    assert [each["number"] for each in response.context["attempts"]] == [3, 2]
    assert [each["message"] for each in response.context["log"]] == ["line 2", "line 3"]
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
