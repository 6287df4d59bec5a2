"""Forms that come too late: each has a clear answer, and nothing of it is done."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tasks.models import AuditEntry, Queue, Task, TaskEvent
from tasks.states import TaskStatus
from tests.tasks.rows import a_task, queues

pytestmark = pytest.mark.django_db


def pause() -> str:
    queues("default")
    return "/admin/tasks/queue/default/pause/"


def test_a_session_that_expired_in_mid_form_is_told_so(root: Client) -> None:
    address = pause()
    root.logout()
    answer = root.post(address, {"reason": "x"}, follow=True)
    assert answer.redirect_chain == [(f"/admin/login/?next={address}", 302)]
    assert "Your session had ended: nothing was changed." in answer.content.decode()
    assert not Queue.objects.get(name="default").paused
    # Whoever only comes by is told nothing.
    assert "session had ended" not in Client().get("/admin/", follow=True).content.decode()


def test_a_login_without_a_page_to_go_to_leads_to_the_dashboard() -> None:
    User.objects.create_user("ada", password="s3cret", is_staff=True)
    answer = Client().post("/admin/login/", {"username": "ada", "password": "s3cret"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/")


def test_a_form_without_its_token_is_refused_in_words(root: Client) -> None:
    address = pause()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    answer = strict.post(address, {"reason": "x"})
    assert answer.status_code == 403
    assert "Nothing was changed" in answer.content.decode()
    assert "reload the page" in answer.content.decode()
    assert not Queue.objects.get(name="default").paused


def test_who_may_not_do_it_is_told_so(sign_in: Any) -> None:
    address = pause()
    answer = sign_in("tasks.view_queue").post(address, {"reason": "x"})
    assert answer.status_code == 403
    assert "may not do this" in answer.content.decode()


def test_of_two_who_press_the_same_button_one_does_it_and_the_other_learns_of_it(sign_in: Any) -> None:
    task = a_task(TaskStatus.FAILED)
    first, second = (sign_in("tasks.view_task", "tasks.change_task") for _ in range(2))
    address = f"/admin/tasks/task/{task.pk}/retry/"
    assert first.get(address).status_code == second.get(address).status_code == 200  # both have the form open
    done = first.post(address, {"reason": "first"}, follow=True)
    late = second.post(address, {"reason": "second"}, follow=True)
    assert "Nothing was done" not in done.content.decode()
    assert "Nothing was done: a pending task cannot be retried" in late.content.decode()
    assert Task.objects.get().status == TaskStatus.PENDING
    assert TaskEvent.objects.count() == AuditEntry.objects.count() == 1
    assert AuditEntry.objects.get().reason == "first"


def test_of_two_who_edit_the_second_learns_of_the_first(sign_in: Any) -> None:
    task = a_task(name="old")
    first, second = (sign_in("tasks.view_task", "tasks.change_task") for _ in range(2))
    address = f"/admin/tasks/task/{task.pk}/edit/"
    shown = first.get(address).context["form"]
    fields = {name: field.initial for name, field in shown.fields.items() if field.initial is not None}
    fields |= {"run_at": "", "tags": "", "retry": "", "reason": ""}
    assert first.post(address, {**fields, "name": "first"}).status_code == 302
    late = second.post(address, {**fields, "name": "second"})
    assert late.status_code == 200
    assert "It was changed since this form was opened" in late.content.decode()
    assert Task.objects.get().name == "first"
