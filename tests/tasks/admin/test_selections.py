"""Actions on what is selected in a list: asked with the count, done set-wise, reported with what was skipped."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tasks.models import DeadLetter, Task, TaskEvent
from tasks.states import TaskStatus
from tests.tasks.admin.conftest import NASTY

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TASKS = "/admin/tasks/task/"
LETTERS = "/admin/tasks/deadletter/"
S = TaskStatus


def select(client: Client, address: str, verb: str, rows: list[Any], **fields: str) -> Any:
    return client.post(address, {"action": verb, "_selected_action": [row.pk for row in rows], "index": "0", **fields})


def confirm(client: Client, asked: Any, **fields: str) -> Any:
    """Sends the form of the page that asks."""
    given = {"ids": asked.context["ids"], "filters": asked.context["filters"], **fields}
    return client.post(asked.context["action"], given)


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def offered(client: Client, address: str) -> list[str]:
    form = client.get(address).context["action_form"]
    return [] if form is None else [name for name, _ in form.fields["action"].choices if name]


def test_a_selection_is_asked_for_with_its_count_and_nothing_is_done_yet(root: Client, make_task: Any) -> None:
    tasks = [make_task(S.PENDING), make_task(S.PROCESSING), make_task()]
    asked = select(root, TASKS, "cancel", tasks)
    assert asked.status_code == 200
    assert "Cancel: 3 tasks" in asked.content.decode()
    assert "1 completed, 1 pending, 1 processing" in asked.content.decode()
    assert not TaskEvent.objects.exists()


def test_what_was_done_and_what_was_skipped_is_said(root: Client, make_task: Any) -> None:
    waiting, running, done, other = make_task(S.PENDING), make_task(S.PROCESSING), make_task(), make_task(S.PENDING)
    response = confirm(root, select(root, TASKS, "cancel", [waiting, running, done]), reason=f"wrong {NASTY}")
    assert response["Location"] == TASKS
    assert said(response) == (
        "1 task was cancelled. 1 task was asked of the worker, which confirms it."
        " 1 skipped (1 completed: its state does not allow that)."
    )
    assert set(Task.objects.filter(status=S.CANCELLED)) == {waiting}
    assert set(LogEntry.objects.values_list("object_id", flat=True)) == {str(waiting.pk), str(running.pk)}
    assert set(LogEntry.objects.values_list("change_message", flat=True)) == {f"Cancel: wrong {NASTY}"}
    assert set(TaskEvent.objects.values_list("reason", flat=True)) == {f"wrong {NASTY}"}
    assert Task.objects.get(pk=other.pk).status == S.PENDING
    assert NASTY not in root.get(TASKS).content.decode()


@pytest.mark.parametrize(
    ("verb", "status", "fields", "words"),
    [
        ("retry", S.FAILED, {}, "2 tasks were retried."),
        ("run-now", S.SCHEDULED, {}, "2 tasks were made due at once."),
        ("priority", S.PENDING, {"priority": "8"}, "2 tasks were given the priority."),
    ],
)
def test_each_verb_of_the_list(
    verb: str, status: TaskStatus, fields: dict[str, str], words: str, root: Client, make_task: Any
) -> None:
    tasks = [make_task(status), make_task(status)]
    assert said(confirm(root, select(root, TASKS, verb, tasks), **fields)) == words
    assert set(Task.objects.values_list("status", flat=True)) == {S.PENDING}
    assert LogEntry.objects.count() == 2


def test_a_value_that_is_none_is_asked_for_again_with_the_same_selection(root: Client, make_task: Any) -> None:
    asked = select(root, TASKS, "priority", [make_task(S.PENDING)])
    again = confirm(root, asked, priority="10")
    assert again.status_code == 200
    assert again.context["form"].errors["priority"]
    assert again.context["ids"] == asked.context["ids"]
    assert said(confirm(root, again, priority="9")) == "1 task was given the priority."


def test_everything_that_a_list_shows_is_asked_for_with_its_filter_and_not_with_ids(
    root: Client, make_task: Any
) -> None:
    failed = [make_task(S.FAILED) for _ in range(3)]
    asked = select(root, f"{TASKS}?status__exact=failed", "retry", failed[:1], select_across="1")
    assert asked["Location"] == "/admin/tasks/bulkaction/start/retry/?status__exact=failed"
    assert Task.objects.filter(status=S.FAILED).count() == 3


def test_no_more_than_the_limit_at_once(root: Client, make_task: Any, settings: Any) -> None:
    settings.BULK_LIMIT = 1
    response = select(root, TASKS, "cancel", [make_task(S.PENDING), make_task(S.PENDING)])
    assert "BULK_LIMIT" in said(response)
    assert not TaskEvent.objects.exists()


def test_more_rows_cost_no_more_statements(root: Client, make_task: Any) -> None:
    counts = []
    for number in (2, 30):
        asked = select(root, TASKS, "cancel", [make_task(S.PENDING) for _ in range(number)])
        with CaptureQueriesContext(connection) as queries:
            assert confirm(root, asked).status_code == 302
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert Task.objects.filter(status=S.CANCELLED).count() == 32


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_actions_are_offered_to_those_with_the_permission(sign_in: Callable[..., Client], make_task: Any) -> None:
    make_task()
    assert offered(sign_in("tasks.view_task"), TASKS) == []
    assert offered(sign_in("tasks.view_task", "tasks.change_deadletter"), TASKS) == []
    operator = sign_in("tasks.view_task", "tasks.change_task")
    assert offered(operator, TASKS) == ["retry", "run-now", "priority", "cancel"]
    assert offered(sign_in("tasks.view_deadletter", "tasks.change_deadletter"), LETTERS) == ["reprocess", "discard"]
    assert offered(sign_in("tasks.view_deadletter", "tasks.change_task"), LETTERS) == []


def test_a_selection_without_the_permission_is_refused(sign_in: Callable[..., Client], make_task: Any) -> None:
    task, viewer = make_task(S.PENDING), sign_in("tasks.view_task")
    select(viewer, TASKS, "cancel", [task])
    for verb in ("retry", "run-now", "priority", "cancel"):
        address = reverse(f"admin:tasks_task_selected_{verb}")
        assert viewer.post(address, {"ids": str(task.pk), "priority": "9"}).status_code == 403
    assert Task.objects.get().status == S.PENDING
    assert not TaskEvent.objects.exists()


def test_forged_and_odd_requests_do_nothing(root: Client, client: Client, make_task: Any) -> None:
    task, address = make_task(S.PENDING), reverse("admin:tasks_task_selected_cancel")
    assert client.post(address, {"ids": str(task.pk)})["Location"].startswith("/admin/login/")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = root.cookies
    assert strict.post(address, {"ids": str(task.pk)}).status_code == 403
    assert root.get(address)["Location"] == TASKS
    assert root.post(address, {"ids": "x,y"}).status_code == 400
    assert not TaskEvent.objects.exists()
    away = root.post(address, {"ids": str(uuid.uuid4()), "filters": "//evil.example/"})
    assert said(away) == "0 tasks were cancelled. 1 skipped (1 there is no such task)."
    assert away["Location"].startswith(f"{TASKS}?")


# --- Dead letters -----------------------------------------------------------------------------------------------------


def test_dead_letters_are_reprocessed_as_far_as_that_can_be(
    root: Client, make_task: Any, make_dead_letter: Any
) -> None:
    letters = [make_dead_letter(make_task(S.FAILED)), make_dead_letter(make_task(S.FAILED)), make_dead_letter(None)]
    root.post(reverse("admin:tasks_deadletter_discard", args=[letters[1].pk]), {"reason": "old"})
    asked = select(root, LETTERS, "reprocess", letters)
    assert "Reprocess: 3 dead letters" in asked.content.decode()
    assert "2 open, 1 discarded" in asked.content.decode()
    words = said(confirm(root, asked, reason="fixed"))
    assert words.startswith("1 dead letter was reprocessed. 2 skipped (")
    assert "1 discarded: it is resolved already" in words
    assert "belongs to no task" in words
    assert DeadLetter.objects.get(pk=letters[0].pk).resolution == "reprocessed"
    assert Task.objects.filter(status=S.PENDING).count() == 1


def test_dead_letters_are_discarded(root: Client, make_task: Any, make_dead_letter: Any) -> None:
    letters = [make_dead_letter(make_task(S.FAILED)), make_dead_letter(None)]
    asked = select(root, LETTERS, "discard", letters)
    again = confirm(root, asked)
    assert again.context["form"].errors["reason"]
    assert said(confirm(root, again, reason="old")) == "2 dead letters were discarded."
    assert LogEntry.objects.count() == 2
    assert Task.objects.get().status == S.FAILED
