"""An operator repairs a task in a real browser."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from tasks.models import DeadLetter, Task
from tasks.services import submit_task
from tasks.states import TaskStatus
from tasks.transitions import finish
from tests.tasks.rows import HOLDER, a_task, claimed, ending

pytestmark = pytest.mark.browser


@pytest.fixture
def dead(admin: Page) -> Task:
    (attempt,) = claimed(name="Charge <b>the card</b>", payload={"order": 17, "token": "hidden-from-all"})
    child = submit_task(type="sample.noop", name="Send the receipt", depends_on=[attempt.id]).id
    finish([ending(attempt, TaskStatus.FAILED)], incarnation=HOLDER)
    assert Task.objects.get(id=child).status == TaskStatus.FAILED
    return Task.objects.get(id=attempt.id)


def test_a_dead_task_is_retried(admin: Page, dead: Task, complaints: list[str]) -> None:
    admin.goto(f"/admin/tasks/task/{dead.pk}/change/")
    expect(admin.get_by_role("heading", name="Dependencies is waited for by 1")).to_be_visible()
    admin.get_by_role("link", name="Retry", exact=True).click()
    expect(admin.get_by_text("It gets a fresh budget of attempts")).to_be_visible()
    admin.get_by_label("Change the payload").fill('{"order": 18}')
    admin.get_by_label("Reason").fill("The <i>shop</i> is up again")
    admin.get_by_role("button", name="Retry").click()
    expect(admin.get_by_text("It was retried.")).to_be_visible()
    expect(admin.get_by_role("cell", name="The <i>shop</i> is up again", exact=True)).to_be_visible()
    task = Task.objects.get(pk=dead.pk)
    assert (task.status, task.payload) == (TaskStatus.PENDING, {"order": 18, "token": "hidden-from-all"})
    assert DeadLetter.objects.get().resolution == "reprocessed"
    assert LogEntry.objects.get(object_id=str(dead.pk)).change_message == "Retry: The <i>shop</i> is up again"
    expect(admin.get_by_role("link", name="Retry", exact=True)).to_have_count(0)
    assert complaints == []


def test_a_waiting_task_is_edited_and_a_selection_cancelled(admin: Page, complaints: list[str]) -> None:
    headers = {"Authorization": "Bearer a1b2c3d4"}
    task = a_task(type="http_request", payload={"url": "http://example.com", "headers": headers})
    others = [a_task(name=f"number {number}") for number in range(3)]
    admin.goto(f"/admin/tasks/task/{task.pk}/change/")
    admin.get_by_role("link", name="Edit", exact=True).click()
    expect(admin.get_by_label("Payload")).to_have_value(re.compile(r"\*\*\*"))
    admin.get_by_label("Payload").fill(
        admin.get_by_label("Payload").input_value().replace("example.com", "example.org")
    )
    admin.get_by_label("Priority").fill("8")
    admin.get_by_role("button", name="Edit").click()
    expect(admin.get_by_text("It was edited: payload, priority.")).to_be_visible()
    task.refresh_from_db()
    assert task.payload == {"url": "http://example.org", "headers": headers}

    admin.goto("/admin/tasks/task/")
    admin.locator("#action-toggle").check()
    admin.locator("select[name=action]").select_option("cancel")
    admin.get_by_role("button", name="Run", exact=True).click()
    expect(admin.get_by_text("Cancel: 4 tasks").first).to_be_visible()
    admin.get_by_role("button", name="Cancel 4 tasks").click()
    expect(admin.get_by_text("4 tasks were cancelled.")).to_be_visible()
    assert Task.objects.filter(status=TaskStatus.CANCELLED).count() == len(others) + 1
    assert complaints == []


def test_a_session_that_ended_in_mid_form_leads_to_the_sign_in_and_back(
    admin: Page, dead: Task, complaints: list[str]
) -> None:
    form = f"/admin/tasks/task/{dead.pk}/retry/"
    admin.goto(form)
    admin.get_by_label("Reason").fill("The shop is up again")
    olga = User.objects.get()
    olga.set_password("pw")  # the fixture's user has none
    olga.save()
    Session.objects.all().delete()
    admin.get_by_role("button", name="Retry").click()
    expect(admin.get_by_text("Your session had ended: nothing was changed")).to_be_visible()
    assert Task.objects.get(pk=dead.pk).status == TaskStatus.FAILED
    admin.get_by_label("Username").fill("olga")
    admin.get_by_label("Password").fill("pw")
    admin.get_by_role("button", name="Log in").click()
    expect(admin.get_by_text("It gets a fresh budget of attempts")).to_be_visible()
    assert admin.url.endswith(form)
    assert Task.objects.get(pk=dead.pk).status == TaskStatus.FAILED
    admin.get_by_role("button", name="Retry").click()
    expect(admin.get_by_text("It was retried.")).to_be_visible()
    assert Task.objects.get(pk=dead.pk).status == TaskStatus.PENDING
    assert complaints == []
