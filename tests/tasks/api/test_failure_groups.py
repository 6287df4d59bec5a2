"""Groups of failures over the API: counted, judged once, worked off as far as they are what was looked at."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks.failure_groups import fold_changes
from tasks.models import AuditEntry, DeadLetter, FailureGroup, Task
from tasks.states import TaskStatus
from tests.tasks.api.conftest import Api
from tests.tasks.api.test_bulk_verbs import dead_tasks

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def a_group(count: int = 2, **fields: Any) -> str:
    """Lets tasks die in one way, and returns the group's address."""
    ids = dead_tasks(count, **fields)
    fold_changes()
    return f"dlq/groups/{DeadLetter.objects.filter(task_id__in=ids)[0].fingerprint}/"


def test_equal_failures_form_a_group(root: Api) -> None:
    a_group(3, error_class="KeyError", message="'a'")
    a_group(1, error_class="OSError", message="gone")
    with CaptureQueriesContext(connection) as queries:
        code, body = root.get("dlq/groups/")
    cost = len(queries)
    assert (code, body["count"]) == (200, 2)
    first, second = body["results"]
    assert (first["count"], first["total"], first["types"], first["queues"]) == (
        3, 3, {"sample.noop": 3}, {"default": 3}
    )  # fmt: skip
    assert (first["error_class"], first["message"], first["state"]) == ("KeyError", "'a'", "open")
    assert first["first_seen"] <= first["last_seen"]
    assert (first["trend"]["day"], first["trend"]["week"]) == ([0] * 23 + [3], [0] * 27 + [3])
    newest = DeadLetter.objects.filter(fingerprint=first["fingerprint"]).order_by("-created_at", "-id")[0]
    assert (first["sample"]["id"], second["count"]) == (str(newest.id), 1)
    a_group(1, error_class="ZeroDivisionError", message="x")
    with CaptureQueriesContext(connection) as queries:
        assert root.get("dlq/groups/")[1]["count"] == 3
    assert len(queries) == cost
    assert root.get(f"dlq/groups/{first['fingerprint']}/")[1] == first


@pytest.mark.parametrize(
    ("filters", "classes"),
    [
        ({"error_class": "KeyError"}, ["KeyError"]),
        ({"state": "resolved,IGNORED"}, ["OSError"]),
        ({"open": "false"}, []),
        ({"queue": "default", "ordering": "count"}, ["OSError", "KeyError"]),
        ({"queue": "http"}, []),
        ({"seen_after": "2100-01-01T00:00:00Z"}, []),
        ({"category": "code_error", "ordering": "-total"}, ["KeyError", "OSError"]),
    ],
)
def test_groups_are_filtered_and_ordered(filters: dict[str, str], classes: list[str], root: Api) -> None:
    a_group(2, error_class="KeyError")
    assert root.post(f"{a_group(1, error_class='OSError')}resolve/", {})[0] == 200
    assert [each["error_class"] for each in root.get("dlq/groups/", **filters)[1]["results"]] == classes


@pytest.mark.parametrize(
    "filters",
    [{"state": "lost"}, {"open": "perhaps"}, {"ordering": "message"}, {"seen_before": "soon"}, {"colour": "red"}],
)
def test_what_is_no_filter_is_said(filters: dict[str, str], root: Api) -> None:
    code, body = root.get("dlq/groups/", **filters)
    assert (code, [error["attr"] for error in body["errors"]]) == (400, list(filters))


def test_a_group_is_resolved_and_says_so_when_it_is_back(root: Api) -> None:
    group = a_group()
    assert root.user is not None
    code, body = root.post(f"{group}resolve/", {"reason": "fixed", "seen": 2})
    assert (code, body["state"], body["state_by"], body["state_reason"]) == (
        200,
        "resolved",
        root.user.username,
        "fixed",
    )
    assert (body["count"], body["returned"]) == (2, None)
    resolved_at = body["state_at"]
    dead_tasks(1)
    fold_changes()
    body = root.get(group)[1]
    assert (body["state"], body["state_by"], body["count"]) == ("open", None, 3)
    assert body["returned"] == {
        "at": body["last_seen"], "resolved_at": resolved_at, "worker": "w1@test", "release": None
    }  # fmt: skip


def test_of_two_who_judge_the_second_is_told_and_each_judgement_is_noted(root: Api, operator: Api) -> None:
    group = a_group()
    code, body = root.post(f"{group}ignore/", {"reason": " "})
    assert (code, body["errors"][0]["attr"]) == (400, "reason")
    assert root.post(f"{group}ignore/", {"reason": "known"})[0] == 200
    code, body = operator.post(f"{group}ignore/", {"reason": "so do I"})
    assert (code, body["status"]) == (409, "ignored")
    assert "an ignored group cannot be ignored: somebody ignores it already" in body["errors"][0]["detail"]
    assert operator.post(f"{group}reopen/", {"reason": "it matters"})[1]["state"] == "open"
    entries = AuditEntry.objects.filter(kind="failure group").order_by("id")
    assert [(each.verb, each.before, each.after, each.reason) for each in entries] == [
        ("ignore", {"state": "open"}, {"state": "ignored"}, "known"),
        ("reopen", {"state": "ignored"}, {"state": "open"}, "it matters"),
    ]


def test_a_group_that_has_grown_since_it_was_looked_at_is_not_judged(root: Api) -> None:
    group = a_group(2)
    a_group(1)
    code, body = root.post(f"{group}resolve/", {"seen": 2})
    assert (code, body["errors"][0]["code"], body["count"]) == (409, "changed_meanwhile", 3)
    assert FailureGroup.objects.get().state == "open"


@pytest.mark.parametrize("verb", ["reprocess", "discard"])
def test_a_group_that_has_grown_since_the_preview_is_not_worked_off(verb: str, root: Api) -> None:
    group = a_group(2)
    other = a_group(1, error_class="OSError")
    dead_tasks(1)
    code, body = root.post(f"{group}{verb}/", {"confirm_count": 2, "reason": "x"})
    assert (code, body["count"]) == (409, 3)
    assert not DeadLetter.objects.exclude(resolution="").exists()
    code, body = root.post(f"{group}{verb}/", {"confirm_count": 3, "reason": "x"})
    assert (code, body) == (200, {"count": 3, "skipped_count": 0, "skipped": []})
    fold_changes()
    assert (root.get(group)[1]["count"], root.get(other)[1]["count"]) == (0, 1)
    assert root.get(group)[1]["types"] == {}
    assert root.post(f"{group}{verb}/", {"confirm_count": 0, "reason": "x"})[1]["count"] == 0


# --- What a reprocess would do ----------------------------------------------------------------------------------------

WORK: dict[str, Any] = {"type": "sample.work", "payload": {"seconds": 1.0}}


def dead_work(count: int, **fields: Any) -> None:
    from tasks.transitions import finish
    from tests.tasks.rows import HOLDER, claimed, ending

    attempts = claimed(count, **(WORK | fields))
    finish([ending(each, TaskStatus.FAILED) for each in attempts], incarnation=HOLDER)


def test_a_preview_shows_what_would_become_of_payloads_and_changes_nothing(root: Api) -> None:
    dead_work(2)
    before = list(Task.objects.values())
    code, body = root.post("dlq/reprocess/preview/", {"payload": {"seconds": 2.0, "ledger": None}})
    assert (code, body["count"], body["comes_back"], body["changed"], body["invalid"]) == (200, 2, 2, 2, 0)
    assert [(each["before"], each["after"]) for each in body["samples"]] == [({"seconds": 1.0}, {"seconds": 2.0})] * 2
    assert list(Task.objects.values()) == before


def test_a_preview_names_each_payload_that_would_be_refused_and_where(root: Api) -> None:
    dead_work(1)
    dead_tasks(1)  # of a type that takes anything
    code, body = root.post("dlq/reprocess/preview/", {"payload": {"seconds": "many"}})
    assert (code, body["count"], body["invalid"]) == (200, 2, 1)
    worst = body["samples"][0]
    assert [error["attr"] for error in worst["errors"]] == ["payload.seconds"]
    assert [error["attr"] for error in body["errors"]] == [f"{worst['task']}.payload.seconds"]
    code, refused = root.post("dlq/reprocess/", {"payload": {"seconds": "many"}, "confirm_count": 2})
    assert (code, [error["attr"] for error in refused["errors"]]) == (400, [f"{worst['task']}.payload.seconds"])
    assert not Task.objects.exclude(status=TaskStatus.FAILED).exists()


def test_a_preview_counts_what_does_not_come_back(root: Api) -> None:
    dead_tasks(1)
    Task.objects.update(unmet=1)
    DeadLetter.objects.create(category="code_error", created_at=Task.objects.get().created_at, fingerprint="f")
    body = root.post("dlq/reprocess/preview/", {})[1]
    assert (body["count"], body["comes_back"], body["held_back"], body["strays"]) == (2, 0, 1, 1)


def test_secrets_and_payloads_stay_hidden_in_previews(root: Api, operator: Api) -> None:
    dead_tasks(1)
    Task.objects.update(payload={"token": "hush", "to": "a"})
    sample = root.post("dlq/reprocess/preview/", {"payload": {"to": "b"}})[1]["samples"][0]
    assert (sample["before"], sample["after"]) == ({"token": "***", "to": "a"}, {"token": "***", "to": "b"})
    assert operator.post("dlq/reprocess/preview/", {"payload": {"to": "b"}})[0] == 403
    assert operator.post("dlq/reprocess/preview/", {})[1]["samples"][0]["before"] is None


def test_a_selection_is_reprocessed_by_its_ids(root: Api) -> None:
    dead_tasks(3)
    ids = [str(each) for each in DeadLetter.objects.values_list("id", flat=True)[:2]]
    assert root.post("dlq/reprocess/preview/", {"ids": ids})[1]["count"] == 2
    assert root.post("dlq/reprocess/", {"ids": ids, "confirm_count": 3})[0] == 409
    assert root.post("dlq/reprocess/", {"ids": ids, "confirm_count": 2})[1]["count"] == 2
    assert DeadLetter.objects.filter(resolution="").count() == 1


@pytest.mark.parametrize("rest", [{}, {"reason": ""}, {"reason": "  "}])
@pytest.mark.parametrize("address", ["dlq/discard/", "dlq/tasks/{letter}/discard/"])
def test_nothing_is_discarded_without_a_reason(address: str, rest: dict[str, str], root: Api) -> None:
    dead_tasks(1)
    letter = DeadLetter.objects.get().id
    body = rest if "letter" in address else rest | {"confirm_count": 1}
    code, answer = root.post(address.format(letter=letter), body)
    assert (code, answer["errors"][0]["attr"]) == (400, "reason")
    assert DeadLetter.objects.get().resolution == ""
