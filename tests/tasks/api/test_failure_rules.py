"""Rules over failures, over the API: checked, tried, changed by one at a time, noted."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tasks import database
from tasks.models import AuditEntry, FailureRule
from tasks.services import failure_rules
from tasks.states import TaskStatus
from tasks.transitions import finish
from tests.tasks.api.conftest import Api
from tests.tasks.api.test_bulk_verbs import dead_tasks
from tests.tasks.rows import HOLDER, claimed, ending

pytestmark = [pytest.mark.django_db, pytest.mark.database]

RULE: dict[str, Any] = {"type": "sample.*", "category": "http_5xx", "verdict": "retry", "delay": 60.0}


def test_a_rule_is_made_changed_and_removed_and_each_is_noted(root: Api) -> None:
    code, made = root.post("dlq/rules/", RULE | {"note": "their maintenance"})
    assert (code, made["order"], made["enabled"], made["message_match"]) == (201, 100, True, "contains")
    assert root.get("dlq/rules/")[1]["results"] == [made]
    address = f"dlq/rules/{made['id']}/"
    code, changed = root.patch(address, {"enabled": False, "delay": None})
    assert (code, changed["enabled"], changed["delay"], changed["category"]) == (200, False, None, "http_5xx")
    assert root.delete(address)[0] == 204
    assert root.get(address)[0] == 404
    entries = AuditEntry.objects.filter(kind="failure rule", target=str(made["id"])).order_by("id")
    assert [each.verb for each in entries] == ["create", "change", "delete"]
    assert entries.values_list("before__enabled", "after__enabled")[1] == (True, False)


@pytest.mark.parametrize(
    ("fields", "attr", "says"),
    [
        ({"category": "cancelled"}, "category", "is not one of code_error, connection"),
        ({"verdict": "die"}, "delay", "dead at once"),
        ({"delay": -1.0}, "delay", "greater than or equal to 0"),
        ({"delay": 1e9}, "delay", "less than or equal to"),
        ({"message": "(", "message_match": "regex"}, "message", "no regular expression"),
        ({"message": "(?=a)", "message_match": "regex"}, "message", "look-around"),
        ({"message": ".{2,2500}y", "message_match": "regex"}, "message", "takes too long"),
        ({"message": "x" * 201}, "message", "at most 200"),
        ({"type": "a\x00"}, "type", "NUL"),
        ({"type": ""}, None, "would match every failure"),
        ({"order": "first"}, "order", "valid integer"),
        ({"colour": "red"}, "colour", "not permitted"),
        ({"category": "", "verdict": "", "delay": None}, None, "would change nothing"),
    ],
)
def test_what_is_no_rule_is_refused_where_it_is_wrong(
    fields: dict[str, Any], attr: str | None, says: str, root: Api
) -> None:
    for address in ("dlq/rules/", "dlq/rules/try/"):
        code, body = root.post(address, RULE | fields)
        assert code == 400
        assert [error["attr"] for error in body["errors"]] == [attr or "non_field_errors"]
        assert says in body["errors"][0]["detail"]
    made = root.post("dlq/rules/", RULE)[1]
    assert root.patch(f"dlq/rules/{made['id']}/", fields)[0] == 400
    assert root.get(f"dlq/rules/{made['id']}/")[1] == made


def test_of_two_editors_the_second_is_told(root: Api) -> None:
    made = root.post("dlq/rules/", RULE)[1]
    address = f"/api/dlq/rules/{made['id']}/"
    tag = root.client.get(address, headers=root.headers)["ETag"]

    def patch(tag: str, **fields: Any) -> Any:
        headers = root.headers | {"If-Match": tag}
        return root.client.patch(address, fields, content_type="application/json", headers=headers)

    first = patch(tag, note="mine")
    assert (first.status_code, first["ETag"] != tag) == (200, True)
    assert patch(tag, note="no, mine").status_code == 412
    assert root.client.delete(address, headers=root.headers | {"If-Match": tag}).status_code == 412
    assert FailureRule.objects.get().note == "mine"


def test_there_are_not_more_rules_than_are_asked_quickly(root: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(failure_rules, "MOST_RULES", 1)
    assert root.post("dlq/rules/", RULE)[0] == 201
    code, body = root.post("dlq/rules/", RULE)
    assert (code, body["errors"][0]["code"]) == (400, "too_many")


# --- Trying -----------------------------------------------------------------------------------------------------------


def test_a_rule_is_tried_on_what_died_and_on_what_failed_without_dying(root: Api) -> None:
    dead_tasks(2, message="no route to host 1")
    attempts = claimed(1)
    failed = [ending(each, TaskStatus.RETRYING, message="no route to host 2") for each in attempts]
    finish(failed, incarnation=HOLDER)
    dead_tasks(1, message="another thing")
    tried = RULE | {"message": "NO ROUTE"}
    with CaptureQueriesContext(connection) as queries:
        code, body = root.post("dlq/rules/try/", tried)
    assert (code, body["checked"], body["matched"], body["taken_before"]) == (200, 4, 3, 0)
    assert {(each["category"], each["becomes"]) for each in body["samples"]} == {("code_error", "http_5xx")}
    assert {each["message"] for each in body["samples"]} == {"no route to host 1", "no route to host 2"}
    cost = len(queries)
    dead_tasks(20, message="no route to host 3")
    with CaptureQueriesContext(connection) as queries:
        assert root.post("dlq/rules/try/", tried)[1]["matched"] == 23
    assert len(queries) == cost
    assert not FailureRule.objects.exists()


def test_a_trial_says_what_an_earlier_rule_takes(root: Api) -> None:
    dead_tasks(1, message="ours")
    dead_tasks(1, message="theirs")
    FailureRule.objects.create(order=5, message="theirs", verdict="die", changed_at=database.now())
    FailureRule.objects.create(order=5, message="ours", verdict="die", enabled=False, changed_at=database.now())
    body = root.post("dlq/rules/try/", RULE | {"order": 6})[1]
    assert (body["matched"], body["taken_before"]) == (1, 1)
    body = root.post("dlq/rules/try/", RULE | {"order": 4})[1]
    assert (body["matched"], body["taken_before"]) == (2, 0)
