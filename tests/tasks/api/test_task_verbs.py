"""Verbs on one task: what they do, what they answer, and what they say to a task in another state."""

from typing import Any

import pytest

from tasks import database
from tasks.models import DeadLetter, Task, TaskEvent
from tasks.services import submit_task
from tasks.states import EventKind, TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.rows import a_task, ending

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PENDING, QUEUED, PROCESSING = TaskStatus.PENDING, TaskStatus.QUEUED, TaskStatus.PROCESSING
COMPLETED, FAILED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED
SCHEDULED, RETRYING, BLOCKED = TaskStatus.SCHEDULED, TaskStatus.RETRYING, TaskStatus.BLOCKED

BODIES: dict[str, Any] = {"priority": {"priority": 9}}


def last_event(task: Task) -> tuple[str, str, Any]:
    event = TaskEvent.objects.filter(task=task).order_by("-id")[0]
    return event.kind, event.reason, event.actor


# --- Each verb in each state ------------------------------------------------------------------------------------------

EVERY = set(TaskStatus)
ALLOWED: dict[str, set[TaskStatus]] = {
    "cancel": {SCHEDULED, BLOCKED, PENDING, QUEUED, PROCESSING, RETRYING},
    "retry": {FAILED},
    "run-now": {SCHEDULED, RETRYING},
    "priority": {SCHEDULED, BLOCKED, PENDING, QUEUED, RETRYING},
    "edit": {SCHEDULED, BLOCKED, PENDING, QUEUED, RETRYING},
    "clone": EVERY,
}


@pytest.mark.parametrize("status", TaskStatus)
@pytest.mark.parametrize("verb", [*ALLOWED, "compensate"])
def test_a_verb_works_in_its_states_and_names_the_state_elsewhere(verb: str, status: TaskStatus, root: Api) -> None:
    task = a_task(status, type="http_request", payload={"url": "http://example.com"})
    place = f"tasks/{task.id}/"
    code, body = (
        root.patch(place, {"name": "x"}) if verb == "edit" else root.post(f"{place}{verb}/", BODIES.get(verb, {}))
    )
    if status in ALLOWED.get(verb, set()):
        assert code == {("cancel", PROCESSING): 202}.get((verb, status), 201 if verb == "clone" else 200)
    elif (verb, status) == ("compensate", COMPLETED):
        assert (code, body["errors"][0]["code"]) == (409, "not_compensable")
    else:
        assert (code, body["status"], body["errors"][0]["code"]) == (409, status, "illegal_transition")
        assert f"a {status} task cannot be" in body["errors"][0]["detail"]
        assert Task.objects.get(id=task.id).status == status


# --- What they do -----------------------------------------------------------------------------------------------------


def test_a_waiting_task_is_edited(root: Api) -> None:
    task = a_task(QUEUED, payload={"a": 1})
    code, body = root.patch(f"tasks/{task.id}/", {"payload": {"a": 2}, "priority": 8, "reason": "typo"})
    assert code == 200
    assert (body["payload"], body["priority"], body["status"], body["queued_at"]) == ({"a": 2}, 8, "pending", None)
    assert last_event(task) == (EventKind.EDITED, "typo", root.user)


@pytest.mark.parametrize("how", ["delete", "post", "query"])
def test_a_task_is_cancelled_with_the_reason(how: str, root: Api) -> None:
    task = a_task()
    place = f"tasks/{task.id}/"
    code, body = {
        "delete": lambda: root.delete(place, {"reason": "not needed"}),
        "post": lambda: root.post(f"{place}cancel/", {"reason": "not needed"}),
        "query": lambda: root.delete(f"{place}?reason=not%20needed"),
    }[how]()
    assert (code, body["status"]) == (200, "cancelled")
    assert last_event(task) == (EventKind.CANCELLED, "not needed", root.user)
    code, body = root.delete(place)
    assert (code, body["status"]) == (409, "cancelled")


def test_what_is_processing_is_asked_to_stop(root: Api) -> None:
    task = a_task(PROCESSING)
    code, body = root.delete(f"tasks/{task.id}/")
    assert (code, body["status"]) == (202, "processing")
    assert body["cancel_requested_at"] is not None


def test_a_dead_task_is_retried_with_its_payload_patched(root: Api, dead: Task) -> None:
    code, body = root.post(f"tasks/{dead.id}/retry/", {"payload": {"more": 1, "what": None}, "reason": "again"})
    assert (code, body["status"], body["payload"]) == (200, "pending", {"more": 1})
    assert (body["max_attempts"], body["attempt"]) == (4, 1)
    letter = DeadLetter.objects.get()
    assert (letter.resolution, letter.resolved_by) == ("reprocessed", root.user)
    assert last_event(dead) == (EventKind.REVIVED, "again", root.user)


def test_a_patch_that_breaks_the_payload_changes_nothing(root: Api) -> None:
    task = a_task(FAILED, type="http_request", payload={"url": "http://example.com"})
    code, body = root.post(f"tasks/{task.id}/retry/", {"payload": {"url": 7}})
    assert (code, body["errors"][0]["attr"]) == (400, "payload.url")
    code, body = root.post("tasks/retry/", {"ids": [str(task.id)], "payload": {"url": 7}})
    assert (code, body["errors"][0]["attr"]) == (400, f"{task.id}.payload.url")
    assert Task.objects.get(id=task.id).status == FAILED


def test_a_copy_is_another_task_with_the_changes(root: Api, dead: Task) -> None:
    code, body = root.post(f"tasks/{dead.id}/clone/", {"priority": 9, "name": "copy", "reason": "to see"})
    assert (code, body["status"], body["clone_of"], body["priority"]) == (201, "pending", str(dead.id), 9)
    assert (body["payload"], body["name"], body["attempt"]) == ({"what": "secret payload"}, "copy", 0)
    kind, reason, actor = last_event(dead)
    assert (kind, reason, actor) == (EventKind.CLONED, f"as task {body['id']}: to see", root.user)


def test_a_completed_task_is_undone_once(root: Api) -> None:
    undo = {"type": "sample.noop", "payload": {"undo": 1}}
    task = a_task(COMPLETED, compensation=undo)
    code, body = root.post(f"tasks/{task.id}/compensate/", {"reason": "sold out"})
    assert (code, body["compensates"], body["payload"]) == (201, str(task.id), {"undo": 1})
    code, body = root.post(f"tasks/{task.id}/compensate/")
    assert (code, body["errors"][0]["code"]) == (409, "already_compensated")


def test_a_scheduled_task_is_made_due(root: Api) -> None:
    submitted = submit_task(type="sample.noop", delay=3600.0)
    code, body = root.post(f"tasks/{submitted.id}/run-now/", {"reason": "now"})
    assert (code, body["status"]) == (200, "pending")
    assert body["run_at"] <= database.now().isoformat().replace("+00:00", "Z")


def test_a_priority_is_changed(root: Api) -> None:
    task = a_task(QUEUED)
    code, body = root.post(f"tasks/{task.id}/priority/", {"priority": 0})
    assert (code, body["priority"], body["status"]) == (200, 0, "pending")


# --- What is shown of a task ------------------------------------------------------------------------------------------


def test_a_task_shows_what_it_waits_for_and_why_it_failed(root: Api) -> None:
    parent = a_task(PROCESSING)
    child = submit_task(type="sample.noop", depends_on=[parent.id]).id
    shape = root.get(f"tasks/{child}/")[1]
    assert (shape["depends_on"], shape["unmet"], shape["status"]) == ([str(parent.id)], 1, "blocked")
    assert (shape["on_dependency_failure"], shape["error"]) == ("fail", None)
    from tasks.transitions import finish
    from tests.tasks.rows import HOLDER

    finish([ending(parent, FAILED)], incarnation=HOLDER)
    shape = root.get(f"tasks/{child}/")[1]
    assert shape["status"] == "failed"
    assert shape["error"] == {
        "category": "dependency_failed",
        "class": "DependencyFailed",
        "message": f"it depends on task {parent.id}, which is failed",
    }
    code, body = root.post(f"tasks/{child}/retry/")
    assert (code, body["status"]) == (409, "failed")
    assert "retry that one, and this one comes back with it" in body["errors"][0]["detail"]


def test_a_task_shows_why_it_is_passed_over(root: Api) -> None:
    assert root.get(f"tasks/{a_task(parked='no worker').id}/")[1]["parked"] == "no worker"
    assert root.get(f"tasks/{a_task().id}/")[1]["parked"] is None


def test_the_timetable_is_the_policys(root: Api) -> None:
    retry = {"kind": "exponential", "base": 2, "factor": 3, "max": 10, "jitter": True}
    task = a_task(retry=retry, max_attempts=4)
    assert root.get(f"tasks/{task.id}/")[1]["timetable"] == [2.0, 6.0, 10.0]
