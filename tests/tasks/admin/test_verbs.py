"""The buttons of a row: shown as its state and the user's permissions allow, each asking before it does anything."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from tasks import services
from tasks.models import DeadLetter, Task, TaskEvent
from tasks.states import EventKind, TaskStatus
from tests.tasks.admin.conftest import NASTY
from tests.tasks.rows import columns

pytestmark = [pytest.mark.django_db, pytest.mark.database]

S = TaskStatus
WAITING = {"edit", "priority", "clone", "cancel"}
BUTTONS: dict[TaskStatus, set[str]] = {
    S.SCHEDULED: WAITING | {"run-now"},
    S.BLOCKED: WAITING,
    S.PENDING: WAITING,
    S.QUEUED: WAITING,
    S.PROCESSING: {"clone", "cancel"},
    S.RETRYING: WAITING | {"run-now"},
    S.COMPLETED: {"clone", "compensate"},
    S.FAILED: {"retry", "clone"},
    S.CANCELLED: {"clone"},
}
VALUES = {"priority": {"priority": "9"}}
OPERATOR = ("tasks.view_task", "tasks.add_task", "tasks.change_task")


def page(task: Task) -> str:
    return reverse("admin:tasks_task_change", args=[task.pk])


def address(verb: str, task: Task) -> str:
    return reverse(f"admin:tasks_task_{verb}", args=[task.pk])


def buttons(client: Client, task: Task) -> set[str]:
    response = client.get(page(task))
    text = response.content.decode()
    found = {each["address"].rstrip("/").rpartition("/")[2] for each in response.context["buttons"]}
    assert all(f'href="{address(verb, task)}"' in text for verb in found)
    return found


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


@pytest.mark.parametrize("status", TaskStatus)
def test_the_buttons_are_those_that_the_state_allows(
    status: TaskStatus, sign_in: Callable[..., Client], make_task: Any
) -> None:
    operator = sign_in(*OPERATOR)
    task = make_task(status, compensation={"type": "sample.noop", "payload": {}})
    assert buttons(operator, task) == BUTTONS[status]
    for verb in {"retry", "run-now", "edit", "priority", "compensate", "clone", "cancel"}:
        before = columns([task.pk])
        response = operator.get(address(verb, task))
        assert response.status_code == (200 if verb in BUTTONS[status] else 302), verb
        assert columns([task.pk]) == before  # nothing is done by GET
    assert Task.objects.count() == 1


@pytest.mark.parametrize("verb", ["retry", "run-now", "edit", "priority", "compensate", "cancel"])
def test_a_verb_in_a_wrong_state_says_why_not(verb: str, root: Client, make_task: Any) -> None:
    task = make_task(S.CANCELLED)
    before = columns([task.pk])
    fields = {"payload": '{"url": "https://example.org"}', "name": "x", "queue": "http"} | VALUES.get(verb, {})
    response = root.post(address(verb, task), fields)
    assert (response.status_code, response["Location"]) == (302, page(task))
    assert "Nothing was done: a cancelled task cannot be" in said(response)
    assert columns([task.pk]) == before
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("permissions", "shown"),
    [
        (("tasks.view_task",), set[str]()),
        (("tasks.view_task", "tasks.add_task"), {"clone"}),
        (("tasks.view_task", "tasks.change_task"), {"retry"}),
        (OPERATOR, {"retry", "clone"}),
    ],
)
def test_without_the_permission_there_is_no_button_and_a_post_is_refused(
    permissions: tuple[str, ...], shown: set[str], sign_in: Callable[..., Client], make_task: Any
) -> None:
    user, task = sign_in(*permissions), make_task(S.FAILED)
    assert buttons(user, task) == shown
    before = columns([task.pk])
    others = {"run-now", "edit", "priority", "compensate", "cancel"}  # not in this state, but by right
    allowed = shown | (others if "tasks.change_task" in permissions else set())
    for verb in {"retry", "run-now", "edit", "priority", "compensate", "clone", "cancel"} - allowed:
        assert user.get(address(verb, task)).status_code == 403, verb
        assert user.post(address(verb, task), {}).status_code == 403, verb
    assert columns([task.pk]) == before


@pytest.mark.parametrize("verb", ["retry", "clone"])
def test_forged_forms_do_nothing(verb: str, root: Client, make_task: Any) -> None:
    task = make_task(S.FAILED)
    before = columns([task.pk])
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = root.cookies
    assert strict.post(address(verb, task), {}).status_code == 403
    assert columns([task.pk]) == before
    assert Task.objects.count() == 1


def test_a_form_carries_its_token(root: Client, make_task: Any) -> None:
    assert "csrfmiddlewaretoken" in root.get(address("cancel", make_task(S.PENDING))).content.decode()


@pytest.mark.parametrize(
    ("verb", "status", "after", "words"),
    [
        ("retry", S.FAILED, S.PENDING, "It was retried."),
        ("run-now", S.SCHEDULED, S.PENDING, "It was made due at once."),
        ("cancel", S.QUEUED, S.CANCELLED, "It was cancelled."),
        ("cancel", S.PROCESSING, S.PROCESSING, "Its worker was asked for that, and confirms it within seconds."),
        ("priority", S.QUEUED, S.PENDING, "It was given the priority."),
    ],
)
def test_a_verb_is_done_said_and_written_down(
    verb: str, status: TaskStatus, after: TaskStatus, words: str, root: Client, make_task: Any
) -> None:
    task = make_task(status)
    response = root.post(address(verb, task), {"reason": f"because {NASTY}", **VALUES.get(verb, {})})
    assert (response.status_code, response["Location"], said(response)) == (302, page(task), words)
    assert Task.objects.get(pk=task.pk).status == after
    event = TaskEvent.objects.get(task=task)
    entry = LogEntry.objects.get()
    assert event.reason == f"because {NASTY}"
    assert entry.user == event.actor
    assert entry.object_id == str(task.pk)
    assert entry.change_message.endswith(f": because {NASTY}")
    for shown in (page(task), reverse("admin:tasks_task_history", args=[task.pk])):
        text = root.get(shown).content.decode()
        assert NASTY not in text
        assert "because &lt;script&gt;" in text


def test_the_way_back_leads_to_the_list_that_one_came_from(root: Client, make_task: Any) -> None:
    task = make_task(S.FAILED)
    kept = "?_changelist_filters=status%3Dfailed"
    addresses = [each["address"] for each in root.get(page(task) + kept).context["buttons"]]
    retry = address("retry", task) + kept
    assert retry in addresses
    assert f'action="{retry}"' in root.get(retry).content.decode()
    done = root.post(retry, {})
    assert done["Location"] == page(task) + kept
    assert 'href="/admin/tasks/task/?status=failed"' in root.get(done["Location"]).content.decode()


def test_what_the_row_is_called_is_escaped_on_the_page_that_asks(root: Client, make_task: Any) -> None:
    text = root.get(address("cancel", make_task(S.PENDING, name=f"name {NASTY}"))).content.decode()
    assert NASTY not in text
    assert "name &lt;script&gt;" in text


def test_a_copy_and_an_undoing_task_lead_on(root: Client, make_task: Any) -> None:
    task = make_task(name="One", compensation={"type": "sample.noop", "payload": {}})
    response = root.post(address("clone", task), {"name": "Two", "payload": '{"url": "https://example.com"}'})
    copy = Task.objects.get(name="Two")
    assert (response["Location"], copy.clone_of_id, copy.priority) == (page(copy), task.pk, 5)
    response = root.post(address("compensate", task), {})
    undo = Task.objects.get(compensates=task)
    assert response["Location"] == page(undo)
    assert f'href="{page(task)}"' in root.get(page(copy)).content.decode()
    assert f'href="{page(task)}"' in root.get(page(undo)).content.decode()
    assert f'href="{page(undo)}"' in root.get(page(task)).content.decode()
    response = root.post(address("compensate", task), {})
    assert "there is a task already that undoes" in said(response)
    assert list(TaskEvent.objects.values_list("kind", flat=True)) == [EventKind.CLONED, EventKind.COMPENSATED]


def test_a_payload_that_breaks_is_said_at_its_field(root: Client, make_task: Any) -> None:
    task = make_task(S.FAILED)
    response = root.post(address("retry", task), {"payload": '{"url": 7}'})
    assert response.status_code == 200
    (error,) = response.context["form"].errors["payload"]
    assert error.startswith("payload.url: ")
    assert Task.objects.get(pk=task.pk).status == S.FAILED


def test_a_task_that_is_gone_leads_back(root: Client, make_task: Any) -> None:
    task = make_task(S.PENDING)
    gone = address("cancel", task)
    task.delete()
    assert root.get(gone).status_code == root.post(gone).status_code == 302


# --- Dead letters -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "resolution"), [("reprocess", "reprocessed"), ("discard", "discarded")])
def test_a_dead_letter_is_resolved_once(
    verb: str, resolution: str, root: Client, make_task: Any, make_dead_letter: Any
) -> None:
    letter = make_dead_letter(make_task(S.FAILED))
    place = reverse("admin:tasks_deadletter_change", args=[letter.pk])
    assert [each["label"] for each in root.get(place).context["buttons"]] == ["Reprocess", "Discard"]
    response = root.post(reverse(f"admin:tasks_deadletter_{verb}", args=[letter.pk]), {"reason": "fixed"})
    assert said(response) == f"It was {resolution}."
    assert DeadLetter.objects.get().resolution == resolution
    assert LogEntry.objects.get().change_message == f"{verb.capitalize()}: fixed"
    assert root.get(place).context["buttons"] == []
    response = root.post(reverse(f"admin:tasks_deadletter_{verb}", args=[letter.pk]), {"reason": "again"})
    assert "it is resolved already" in said(response)


def test_a_dead_letters_payload_that_breaks_is_said_at_its_field(
    root: Client, make_task: Any, make_dead_letter: Any
) -> None:
    letter = make_dead_letter(make_task(S.FAILED))
    response = root.post(reverse("admin:tasks_deadletter_reprocess", args=[letter.pk]), {"payload": '{"url": 7}'})
    (error,) = response.context["form"].errors["payload"]
    assert error.startswith("payload.url: ")
    assert DeadLetter.objects.get().resolution == ""


def test_a_viewer_resolves_no_dead_letter(
    sign_in: Callable[..., Client], make_task: Any, make_dead_letter: Any
) -> None:
    letter = make_dead_letter(make_task(S.FAILED))
    viewer = sign_in("tasks.view_deadletter", "tasks.change_task")
    for verb in ("reprocess", "discard"):
        assert viewer.post(reverse(f"admin:tasks_deadletter_{verb}", args=[letter.pk]), {}).status_code == 403
    services.discard_dead_letters(DeadLetter.objects.filter(pk=letter.pk), reason="x")  # the engine itself could
    assert viewer.get(reverse("admin:tasks_deadletter_change", args=[letter.pk])).context["buttons"] == []
