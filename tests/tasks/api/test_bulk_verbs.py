"""Verbs on lists of ids and on all that a filter matches: what was done, what was skipped and why, at what cost."""

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.api import confirming
from tasks.failure_groups import fold_changes
from tasks.models import BulkAction, DeadLetter, Task
from tasks.states import FailureCategory, Resolution, TaskStatus
from tasks.transitions import finish
from tests.tasks.api.conftest import Api
from tests.tasks.rows import HOLDER, a_task, claimed, ending, tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]

NOBODY = str(uuid.UUID(int=0))


def dead_tasks(count: int, **fields: Any) -> list[uuid.UUID]:
    attempts = claimed(count)
    finish([ending(each, TaskStatus.FAILED, **fields) for each in attempts], incarnation=HOLDER)
    return [each.id for each in attempts]


def test_a_list_is_cancelled_and_the_rest_is_explained(root: Api) -> None:
    waiting, running, done = a_task(), a_task(TaskStatus.PROCESSING), a_task(TaskStatus.COMPLETED)
    ids = [str(each.id) for each in (waiting, running, done, waiting)]
    code, body = root.post("tasks/cancel/", {"ids": [*ids, NOBODY], "reason": "wrong"})
    assert code == 200
    assert (body["done"], body["requested"]) == ([str(waiting.id)], [str(running.id)])
    skipped = {each["id"]: (each["status"], each["reason"]) for each in body["skipped"]}
    assert skipped == {
        str(done.id): ("completed", "this cannot be done in its state"),
        NOBODY: (None, "there is no such task"),
    }


def test_a_list_is_retried(root: Api) -> None:
    ids = [str(each) for each in dead_tasks(3)]
    code, body = root.post("tasks/retry/", {"ids": ids, "payload": {"more": 1}})
    assert (code, sorted(body["done"]), body["skipped"]) == (200, sorted(ids), [])
    assert [task.payload for task in Task.objects.filter(id__in=ids)] == [{"more": 1}] * 3


def test_lists_are_given_priorities_and_made_due(root: Api) -> None:
    ids = [str(each) for each in tasks(2, TaskStatus.SCHEDULED)]
    assert len(root.post("tasks/priority/", {"ids": ids, "priority": 9})[1]["done"]) == 2
    assert len(root.post("tasks/run-now/", {"ids": ids})[1]["done"]) == 2
    body = root.post("tasks/run-now/", {"ids": ids})[1]
    assert [each["reason"] for each in body["skipped"]] == ["it is due already"] * 2
    assert set(Task.objects.values_list("priority", "status")) == {(9, "pending")}


@pytest.mark.parametrize("verb", ["cancel", "retry", "priority", "run-now"])
def test_more_ids_cost_no_more_statements(verb: str, root: Api) -> None:
    status = {"retry": TaskStatus.FAILED, "run-now": TaskStatus.SCHEDULED}.get(verb, TaskStatus.PENDING)
    counts = []
    for number in (2, 40):
        body: dict[str, Any] = {"ids": [str(each) for each in tasks(number, status)]}
        with CaptureQueriesContext(connection) as queries:
            code, answer = root.post(f"tasks/{verb}/", body | ({"priority": 9} if verb == "priority" else {}))
        assert (code, len(answer["done"])) == (200, number)
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- By filter --------------------------------------------------------------------------------------------------------


def test_what_a_filter_matches_is_reprocessed_when_the_count_is_confirmed(root: Api) -> None:
    dead_tasks(3, category=FailureCategory.TIMEOUT)
    other = dead_tasks(1)[0]
    code, body = root.post("dlq/reprocess/", {"category": "timeout", "confirm_count": 4})
    assert (code, body["count"], body["errors"][0]["code"]) == (409, 3, "count_differs")
    assert not Task.objects.filter(status=TaskStatus.PENDING).exists()
    code, body = root.post("dlq/reprocess/?category=timeout", {"confirm_count": 3, "reason": "back again"})
    assert (code, body) == (200, {"count": 3, "skipped_count": 0, "skipped": []})
    assert Task.objects.filter(status=TaskStatus.PENDING).count() == 3
    assert Task.objects.get(id=other).status == TaskStatus.FAILED


def test_what_cannot_come_back_is_skipped_with_the_reason(root: Api) -> None:
    dead_tasks(1)
    stray = DeadLetter.objects.create(category="code_error", created_at=Task.objects.get().created_at, fingerprint="f")
    code, body = root.post("dlq/reprocess/", {"confirm_count": 2})
    assert (code, body["count"], body["skipped_count"]) == (200, 1, 1)
    assert body["skipped"][0]["id"] == str(stray.id)
    assert "belongs to no task" in body["skipped"][0]["reason"]


def test_what_a_filter_matches_is_discarded(root: Api) -> None:
    dead_tasks(2)
    code, body = root.post("dlq/discard/", {"type": "sample.noop", "confirm_count": 2, "reason": "old"})
    assert (code, body["count"]) == (200, 2)
    assert set(DeadLetter.objects.values_list("resolution", flat=True)) == {Resolution.DISCARDED}
    assert root.post("dlq/discard/", {"confirm_count": 0, "reason": "old"})[1]["count"] == 0


def test_large_sets_are_worked_off_in_parts(root: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(confirming, "AT_ONCE", 2)
    dead_tasks(5)
    assert root.post("dlq/reprocess/", {"confirm_count": 5})[1]["count"] == 5


@pytest.mark.parametrize("verb", ["reprocess", "discard"])
def test_more_than_a_request_should_wait_for_becomes_a_bulk_action(verb: str, root: Api, settings: Any) -> None:
    settings.BULK_LIMIT = 2
    dead_tasks(3)
    code, body = root.post(f"dlq/{verb}/?type=sample.noop", {"confirm_count": 3, "reason": "old"})
    assert (code, body["verb"], body["selection"]["filters"]) == (
        202,
        verb,
        {"type": "sample.noop", "resolution": "open"},
    )
    assert BulkAction.objects.get().total == 3
    assert not DeadLetter.objects.exclude(resolution="").exists()


# --- One dead letter --------------------------------------------------------------------------------------------------


def test_a_dead_letter_is_reprocessed_once(root: Api, dead: Task) -> None:
    letter = DeadLetter.objects.get()
    code, body = root.post(f"dlq/tasks/{letter.id}/reprocess/", {"payload": {"more": 1}, "reason": "fixed"})
    assert (code, body["resolution"], body["task"]) == (200, "reprocessed", str(dead.id))
    assert body["resolved_by"] == root.user.get_username() if root.user else None
    assert Task.objects.get().payload == {"what": "secret payload", "more": 1}
    for verb in ("reprocess", "discard"):
        code, body = root.post(f"dlq/tasks/{letter.id}/{verb}/", {"reason": "again"})
        assert (code, body["status"]) == (409, "reprocessed")


def test_a_dead_letter_is_discarded_and_its_task_stays_dead(root: Api, dead: Task) -> None:
    letter = DeadLetter.objects.get()
    code, body = root.post(f"dlq/tasks/{letter.id}/discard/", {"reason": "never mind"})
    assert (code, body["resolution"]) == (200, "discarded")
    assert Task.objects.get().status == TaskStatus.FAILED
    assert root.post(f"dlq/tasks/{letter.id}/reprocess/")[1]["status"] == "discarded"


# --- Numbers -----------------------------------------------------------------------------------------------


def test_numbers_of_the_dead(root: Api) -> None:
    dead_tasks(2, category=FailureCategory.TIMEOUT)
    dead_tasks(1)
    root.post("dlq/discard/", {"confirm_count": 1, "category": "code_error", "reason": "old"})
    body = root.get("dlq/stats/")[1]
    assert (body["open"], body["by_category"], body["resolved"]) == (2, {"timeout": 2}, {"discarded": 1})
    assert (body["by_type"], body["by_queue"]) == ({"sample.noop": 2}, {"default": 2})
    assert body["oldest"] <= body["newest"]
    assert body["by_day"][-1] == {"day": body["newest"][:10], "died": 3, "open": 2}
    assert (len(body["by_day"]), sum(day["died"] for day in body["by_day"])) == (30, 3)
    fold_changes()
    assert root.get("dlq/stats/")[1]["groups"] == {"open": 1, "resolved": 0, "ignored": 0}
