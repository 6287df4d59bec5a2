"""Bulk actions over the API: a dry run, its count confirmed, and the action looked at and steered."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from tasks.models import BulkAction, DeadLetter, Task
from tasks.services.bulk_actions.running import do_bulk_actions
from tasks.states import BulkStatus, TaskStatus
from tests.tasks.api.conftest import OPERATOR, VIEWER, Api
from tests.tasks.rows import TERM, lead, tasks
from tests.tasks.services.bulk_actions.conftest import dead_letters

pytestmark = [pytest.mark.django_db, pytest.mark.database]
S = TaskStatus
ADDRESS = "bulk-actions/"


@pytest.fixture
def api(sign_in: Any) -> Api:
    made: Api = sign_in(*OPERATOR)
    return made


def cancel(**given: Any) -> dict[str, Any]:
    selection = {"q": "status:pending", "filters": {"queue": "default"}}
    return {"verb": "cancel", "selection": selection, "reason": "r", "expected_count": 3} | given


def attrs(body: Any) -> list[str]:
    return [error["attr"] for error in body["errors"]]


def test_it_is_counted_started_done_and_looked_at(api: Api) -> None:
    ids = tasks(3)
    tasks(1, S.COMPLETED)
    code, counted = api.post(ADDRESS, cancel(dry_run=True))
    assert (code, counted["count"], counted["touchable"], counted["breakdown"]) == (200, 3, 3, {"pending": 3})
    assert counted["selection_in_words"] == "tasks with queue default, search status:pending"
    assert not BulkAction.objects.exists()

    code, started = api.post(ADDRESS, cancel(expected_count=counted["count"]), Idempotency_Key="k1")
    assert (code, started["status"], started["total"]) == (201, "waiting", 3)
    assert api.post(ADDRESS, cancel(), Idempotency_Key="k1")[0] == 200
    code, conflict = api.post(ADDRESS, cancel(reason="other"), Idempotency_Key="k1")
    assert (code, conflict["errors"][0]["code"]) == (409, "idempotency_conflict")
    code, conflict = api.post(ADDRESS, cancel())
    assert (code, conflict["errors"][0]["code"], conflict["bulk_action"]) == (409, "under_way", started["id"])

    lead()
    do_bulk_actions(TERM)
    place = f"{ADDRESS}{started['id']}/"
    code, seen = api.get(place)
    assert (code, seen["status"]) == (200, "completed")
    assert seen["counts"] == {"waiting": 0, "done": 3, "skipped": 0, "failed": 0}
    assert (seen["created_by"], seen["reason"]) == (api.user and api.user.username, "r")
    items = api.get(f"{place}items/", state="done")[1]
    assert {each["target"] for each in items["results"]} == {str(each) for each in ids}
    assert api.get(f"{place}items/", state="FAILED")[1]["count"] == 0
    assert api.get(ADDRESS, status="completed,aborted", verb="cancel")[1]["count"] == 1
    assert api.get(ADDRESS, status="waiting")[1]["count"] == 0


@pytest.mark.parametrize(
    ("given", "attr"),
    [
        ({"verb": "explode"}, "verb"),
        ({"verb": None}, "verb"),
        ({"reason": ""}, "reason"),
        ({"reason": "a\x00b"}, "reason"),
        ({"expected_count": None}, "expected_count"),
        ({"expected_count": -1}, "expected_count"),
        ({"selection": {"q": "colour:red"}}, "q"),
        ({"selection": {"filters": {"colour": "red"}}}, "colour"),
        ({"selection": {"filters": {"created_after": "soon"}}}, "created_after"),
        ({"selection": {"kind": "tasks"}}, "selection.kind"),
        ({"selection": {"q": 17}}, "selection.q"),
        ({"selection": []}, "selection"),
        ({"options": {"priority": 3}}, "options.priority"),
        ({"options": {"priority": "high"}}, "options.priority"),
        ({"guard": {"canary": 5}}, "guard"),
        ({"guard": {"canary": "many"}}, "guard.canary"),
        ({"verb": "retry", "guard": {}, "unguarded": True}, "unguarded"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_bad_bodies_are_answered_with_the_path(api: Api, given: Any, attr: str) -> None:
    tasks(3)
    code, body = api.post(ADDRESS, cancel(**given))
    assert (code, attrs(body)) == (400, [attr])
    assert not BulkAction.objects.exists()


def test_a_set_that_has_changed_is_409_with_the_new_count(api: Api) -> None:
    tasks(5)
    code, body = api.post(ADDRESS, cancel())
    assert (code, body["errors"][0]["code"], body["count"]) == (409, "count_differs", 5)
    assert not BulkAction.objects.exists()


def test_a_reprocess_is_guarded_and_a_patch_needs_the_right_to_see_payloads(api: Api, settings: Any) -> None:
    settings.GUARD_CANARY = 7
    dead_letters(3)
    asked = {"verb": "reprocess", "reason": "r", "expected_count": 3, "selection": {"filters": {"resolution": "open"}}}
    code, body = api.post(ADDRESS, {**asked, "options": {"patch": {"a": 1}}})
    assert code == 403
    assert "view_payload" in body["errors"][0]["detail"]
    code, body = api.post(ADDRESS, {**asked, "guard": {"rate": 3.5}})
    assert (code, body["guard"]) == (201, {"canary": 7, "rate": 3.5, "failure_share": 0.2})
    BulkAction.objects.update(options={"patch": {"a": 1, "password": "hunter2"}})
    assert api.get(f"{ADDRESS}{body['id']}/")[1]["options"]["patch"] is None
    assert api.user is not None
    api.user.user_permissions.add(Permission.objects.get(codename="view_payload"))
    shown = api.get(f"{ADDRESS}{body['id']}/")[1]["options"]["patch"]
    assert (shown["a"], "hunter2" in str(shown)) == (1, False)
    api.post(f"{ADDRESS}{body['id']}/abort/", {})
    code, body = api.post(ADDRESS, {**asked, "unguarded": True})
    assert (code, body["guard"]) == (201, None)


def test_it_is_steered_and_a_wrong_state_is_409_with_that_state(api: Api) -> None:
    tasks(3)
    place = f"{ADDRESS}{api.post(ADDRESS, cancel())[1]['id']}/"
    code, body = api.post(f"{place}resume/", {})
    assert (code, body["status"]) == (409, BulkStatus.WAITING)
    code, body = api.post(f"{place}pause/", {"reason": "lunch"})
    assert (code, body["status"]) == (200, BulkStatus.PAUSED)
    assert body["note"].endswith(": lunch")
    assert api.post(f"{place}resume/")[1]["status"] == BulkStatus.WAITING
    assert api.post(f"{place}abort/")[1]["status"] == BulkStatus.ABORTED
    assert api.post(f"{place}abort/")[0] == 409
    assert api.post(f"{place}pause/", {"colour": 1})[0] == 400
    assert Task.objects.filter(status=S.PENDING).count() == 3


@pytest.mark.parametrize("parameters", [{"status": "odd"}, {"verb": "odd"}, {"page": "0"}])
def test_wrong_parameters_of_the_list_are_refused(api: Api, parameters: Any) -> None:
    assert api.get(ADDRESS, **parameters)[0] == 400


def test_each_verb_needs_its_own_right(sign_in: Any, api: Api) -> None:
    tasks(3)
    dead_letters(1)
    letters = {"verb": "discard", "reason": "r", "expected_count": 1}
    of_tasks = sign_in("tasks.view_task", "tasks.change_task", "tasks.view_bulkaction")
    of_letters = sign_in("tasks.view_deadletter", "tasks.change_deadletter")
    assert of_letters.post(ADDRESS, cancel())[0] == of_tasks.post(ADDRESS, letters)[0] == 403
    assert of_letters.post(ADDRESS, cancel(dry_run=True))[0] == 403
    code, action = of_tasks.post(ADDRESS, cancel())
    assert code == 201
    for verb in ("pause", "resume", "abort"):
        assert of_letters.post(f"{ADDRESS}{action['id']}/{verb}/")[0] == 403
        assert sign_in(*VIEWER).post(f"{ADDRESS}{action['id']}/{verb}/")[0] == 403
    assert of_letters.get(ADDRESS)[0] == of_letters.get(f"{ADDRESS}{action['id']}/items/")[0] == 403
    assert of_letters.post(f"{ADDRESS}{uuid.uuid4()}/pause/")[0] == 404
    assert DeadLetter.objects.filter(resolution="").count() == 1
    assert BulkAction.objects.get().status == BulkStatus.WAITING
