"""From a list to everything that it shows: the page that asks, the page that shows it being done, and who may."""

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

from tasks.models import AuditEntry, BulkAction, DeadLetter, Task
from tasks.services.bulk_actions.running import do_bulk_actions
from tasks.states import BulkStatus, TaskStatus
from tests.tasks.admin.conftest import NASTY
from tests.tasks.rows import TERM, lead

pytestmark = [pytest.mark.django_db, pytest.mark.database]
S = TaskStatus
START = "/admin/tasks/bulkaction/start/"
VIEWER = ("tasks.view_task", "tasks.view_deadletter", "tasks.view_bulkaction")
OPERATOR = (*VIEWER, "tasks.change_task", "tasks.change_deadletter")


@pytest.fixture
def operator(sign_in: Callable[..., Client]) -> Client:
    return sign_in(*OPERATOR)


def send(client: Client, asked: Any, **fields: str) -> Any:
    """Sends the form of the page that asks, with what is hidden in it."""
    hidden = {"expected": str(asked.context["preview"].count), "token": asked.context["token"]}
    return client.post(asked.context["action"], {**hidden, **fields})


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def work() -> None:
    lead()
    do_bulk_actions(TERM, seconds=5)


def test_it_says_what_would_be_touched_and_does_nothing_yet(operator: Client, make_task: Any) -> None:
    for status in (S.FAILED, S.FAILED, S.COMPLETED):
        make_task(status, queue="http")
    make_task(S.FAILED, queue="other")
    page = operator.get(f"{START}retry/?queue=http&p=2").content.decode()
    assert "Retry: 3 tasks" in page
    assert "tasks with queue http" in page
    assert "2 of them are in a state that allows it by now; the other 1 would be skipped" in page
    assert 'name="expected" value="3"' in page
    assert not BulkAction.objects.exists()


def test_it_is_started_shown_and_done_and_leads_back_to_the_same_list(operator: Client, make_task: Any) -> None:
    tasks = [make_task(S.PENDING, queue="http") for _ in range(3)]
    make_task(S.PENDING, queue="other")
    started = send(operator, operator.get(f"{START}cancel/?queue=http&q=status:pending"), reason=f"wrong {NASTY}")
    action = BulkAction.objects.get()
    assert started["Location"] == reverse("admin:tasks_bulkaction_change", args=[action.pk])
    assert (action.total, action.reason, action.door) == (3, f"wrong {NASTY}", "admin")
    make_task(S.PENDING, queue="http")  # comes after the question: nobody has confirmed it
    before = operator.get(started["Location"]).content.decode()
    assert "data-goes-on" in before
    work()
    page = operator.get(started["Location"])
    assert "data-goes-on" not in page.content.decode()
    assert "3 of 3" in operator.get("/admin/tasks/bulkaction/").content.decode()
    assert set(Task.objects.filter(status=S.CANCELLED)) == set(tasks)
    assert page.context["back"] == "/admin/tasks/task/?q=status%3Apending&queue=http"
    assert f'href="{page.context["back"].replace("&", "&amp;")}"' in page.content.decode()
    assert NASTY not in page.content.decode() + operator.get("/admin/tasks/bulkaction/").content.decode()
    assert LogEntry.objects.get().change_message == f"Cancel: wrong {NASTY}"
    assert AuditEntry.objects.filter(kind="bulk action").count() == 2  # begun and ended


def test_without_a_reason_it_asks_again(operator: Client, make_task: Any) -> None:
    make_task(S.PENDING)
    asked = operator.get(f"{START}cancel/")
    again = send(operator, asked, reason=" ")
    assert again.context["form"].errors["reason"]
    assert again.context["token"] == asked.context["token"]
    assert not BulkAction.objects.exists()


def test_the_same_form_sent_twice_starts_one(operator: Client, make_task: Any) -> None:
    make_task(S.PENDING)
    asked = operator.get(f"{START}cancel/")
    first, second = (send(operator, asked, reason="r") for _ in range(2))
    assert first["Location"] == second["Location"]
    assert said(second) == "This form was sent before: this is what it started."
    assert BulkAction.objects.count() == LogEntry.objects.count() == 1


def test_another_operator_is_told_that_it_is_under_way(
    operator: Client, sign_in: Callable[..., Client], make_task: Any
) -> None:
    make_task(S.PENDING)
    other = sign_in(*OPERATOR)
    mine, theirs = operator.get(f"{START}cancel/"), other.get(f"{START}cancel/")
    send(operator, mine, reason="r")
    refused = send(other, theirs, reason="r")
    assert f"bulk action {BulkAction.objects.get().pk}" in refused.content.decode()


def test_a_set_that_has_changed_is_shown_with_its_new_number_and_asked_for_again(
    operator: Client, make_task: Any
) -> None:
    make_task(S.PENDING)
    asked = operator.get(f"{START}cancel/")
    make_task(S.PENDING)
    refused = send(operator, asked, reason="r")
    assert "2 match by now, and 1 were confirmed" in refused.content.decode()
    assert "Cancel 2 tasks" in refused.content.decode()
    assert not BulkAction.objects.exists()
    send(operator, refused, reason="r")
    assert BulkAction.objects.get().total == 2


@pytest.mark.parametrize("query", ["q=colour:red", "payload__contains=x", "created_after=soon", "q=payload.a:1"])
def test_what_no_list_shows_selects_nothing(operator: Client, make_task: Any, query: str) -> None:
    make_task(S.PENDING)
    answer = operator.get(f"{START}cancel/?{query}")
    assert answer["Location"].startswith("/admin/tasks/task/?")
    assert said(answer).startswith("Nothing was started: ")


def test_a_forged_form_starts_nothing(operator: Client, client: Client, make_task: Any) -> None:
    make_task(S.PENDING)
    for fields in ({}, {"expected": "x"}, {"expected": "-1"}, {"expected": "9" * 12}):
        page = operator.post(f"{START}cancel/", {"reason": "r", **fields})
        assert "The number that was shown is missing" in page.content.decode()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(f"{START}cancel/", {"reason": "r", "expected": "1"}).status_code == 403
    assert client.post(f"{START}cancel/", {"reason": "r", "expected": "1"})["Location"].startswith("/admin/login/")
    assert operator.get(f"{START}explode/").status_code == 404
    assert not BulkAction.objects.exists()


def test_an_empty_set_leads_back(operator: Client) -> None:
    answer = operator.get(f"{START}cancel/?queue=http")
    assert (answer["Location"], said(answer)) == (
        "/admin/tasks/task/?queue=http", "Nothing matches: there is nothing to do.",
    )  # fmt: skip


# --- Reprocess --------------------------------------------------------------------------------------------------------


@pytest.fixture
def letters(make_task: Any, make_dead_letter: Any) -> list[DeadLetter]:
    payload = {"url": "https://old.example", "headers": {"Authorization": "Bearer abcdef"}}
    return [make_dead_letter(make_task(S.FAILED, payload=payload)) for _ in range(3)]


def test_a_reprocess_asks_for_its_guard_and_is_guarded_by_default(
    operator: Client, letters: Any, settings: Any
) -> None:
    settings.GUARD_CANARY = 2
    asked = operator.get(f"{START}reprocess/?resolution=open")
    form = asked.context["form"]
    assert (form["guarded"].value(), form["canary"].value(), form["failures"].value()) == (True, 2, "20")
    assert "patch" not in form.fields  # for those who may see payloads
    wrong = send(operator, asked, reason="r", guarded="on", canary="0", failures="101", rate="0")
    assert set(wrong.context["form"].errors) == {"canary", "failures"}
    wrong = send(operator, asked, reason="r", guarded="on", rate="0")
    assert set(wrong.context["form"].errors) == {"rate"}
    send(operator, asked, reason="r", guarded="on", canary="1", failures="50", rate="2.5")
    action = BulkAction.objects.get()
    assert action.guard == {"canary": 1, "rate": 2.5, "failure_share": 0.5}
    work()
    page = operator.get(reverse("admin:tasks_bulkaction_change", args=[action.pk])).content.decode()
    assert "waits for the canary: 0 of 1 have ended" in page
    assert "What its guard sees" in page
    assert DeadLetter.objects.filter(resolution="").count() == 2


def test_a_patch_is_previewed_and_nothing_is_done_by_that(root: Client, letters: Any) -> None:
    asked = root.get(f"{START}reprocess/?resolution=open")
    given = {"reason": "r", "preview": "1", "patch": '{"url": "https://new.example"}'}
    page = send(root, asked, **given)
    assert [sample["error"] for sample in page.context["samples"]] == ["", "", ""]
    html = page.content.decode()
    assert "Of 3 payloads that were tried (at most 200, some of each type), none would become invalid." in html
    assert "https://new.example" in html
    assert "https://old.example" in html
    assert "abcdef" not in html
    bad = send(root, asked, **{**given, "patch": '{"method": "STEAL"}'})
    assert "payload.method" in bad.content.decode()
    assert "3 would become invalid" in bad.content.decode()
    refused = send(root, asked, reason="r", patch='{"method": "STEAL"}')
    assert "No payload is valid with it: payload.method" in refused.content.decode()
    assert not BulkAction.objects.exists()
    assert DeadLetter.objects.filter(resolution="").count() == 3


def test_who_may_not_see_payloads_cannot_send_a_patch_either(operator: Client, root: Client, letters: Any) -> None:
    asked = operator.get(f"{START}reprocess/?resolution=open")
    send(operator, asked, reason="r", patch='{"url": "https://new.example"}')
    assert BulkAction.objects.get().options == {}
    BulkAction.objects.update(options={"patch": {"url": "https://new.example"}})
    page = reverse("admin:tasks_bulkaction_change", args=[BulkAction.objects.get().pk])
    assert "new.example" in root.get(page).content.decode()
    assert "new.example" not in operator.get(page).content.decode()


# --- The page of one --------------------------------------------------------------------------------------------------


@pytest.fixture
def action(operator: Client, make_task: Any) -> BulkAction:
    make_task(S.PENDING)
    make_task(S.COMPLETED)
    send(operator, operator.get(f"{START}cancel/"), reason="r")
    return BulkAction.objects.get()


def steer(client: Client, action: BulkAction, verb: str) -> Any:
    return client.post(reverse(f"admin:tasks_bulkaction_{verb}", args=[action.pk]), {"reason": "so"})


def test_it_is_paused_resumed_and_aborted(operator: Client, action: BulkAction) -> None:
    def buttons() -> list[str]:
        page = operator.get(reverse("admin:tasks_bulkaction_change", args=[action.pk]))
        return [button["label"] for button in page.context["buttons"]]

    def status() -> str:
        return BulkAction.objects.get().status

    assert buttons() == ["Pause", "Abort"]
    steer(operator, action, "pause")
    assert (status(), buttons()) == (BulkStatus.PAUSED, ["Resume", "Abort"])
    steer(operator, action, "resume")
    assert status() == BulkStatus.WAITING
    steer(operator, action, "abort")
    assert (status(), buttons()) == (BulkStatus.ABORTED, [])
    late = steer(operator, action, "pause")
    assert said(late).endswith("Nothing was done: a bulk action that is aborted cannot be paused.")


def test_who_may_not_use_its_verb_sees_it_and_steers_nothing(
    sign_in: Callable[..., Client], client: Client, make_task: Any, action: BulkAction
) -> None:
    viewer, stranger = sign_in(*VIEWER), sign_in("tasks.view_task")
    page = reverse("admin:tasks_bulkaction_change", args=[action.pk])
    live = reverse("admin:tasks_bulkaction_live", args=[action.pk])
    assert viewer.get(page).context["buttons"] == []
    assert viewer.get(live).status_code == 200
    assert stranger.get(live).status_code == 403
    assert client.get(live).status_code == 302
    assert viewer.get(f"{START}cancel/").status_code == 403
    for verb in ("pause", "resume", "abort"):
        assert steer(viewer, action, verb).status_code == 403
        assert steer(stranger, action, verb).status_code == 403
    assert BulkAction.objects.get().status == BulkStatus.WAITING


def test_the_live_part_shows_how_far_it_is_and_when_to_stop_asking(operator: Client, action: BulkAction) -> None:
    page = reverse("admin:tasks_bulkaction_change", args=[action.pk])
    live = operator.get(f"{page}?_changelist_filters=status%3Dwaiting").context["live"]
    first = operator.get(live)
    assert "data-goes-on" in first.content.decode()
    assert "/abort/?_changelist_filters=status%3Dwaiting" in first.content.decode()  # its buttons lead back there, too
    assert "no-store" in first["Cache-Control"]
    work()
    BulkAction.objects.update(note=f"note {NASTY}")
    after = operator.get(live).content.decode()
    assert "data-goes-on" not in after
    assert 'max="2" value="2"' in after
    assert "completed: its state does not allow that" in after
    assert NASTY not in after
    assert "<script" not in after
    assert operator.get(reverse("admin:tasks_bulkaction_live", args=[uuid.uuid4()])).status_code == 404


def test_its_items_are_shown_by_state_and_page(
    operator: Client, action: BulkAction, monkeypatch: pytest.MonkeyPatch
) -> None:
    work()
    Task.objects.filter(status=S.COMPLETED).update(name=f"Nightly {NASTY}")
    page = reverse("admin:tasks_bulkaction_change", args=[action.pk])
    with CaptureQueriesContext(connection) as queries:
        shown = operator.get(page).context["items"]
    assert {item["type"] for item in shown} == {"http_request"}
    assert {item["name"] for item in shown} == {"", f"Nightly {NASTY}"}
    assert sum('FROM "tasks_task"' in query["sql"] for query in queries) == 1
    monkeypatch.setattr("tasks.admin.bulk_action_admin.ITEMS_SHOWN", 1)
    action.items.filter(state="skipped").update(reason=f"reason {NASTY}")
    assert "page 1 of 2" in operator.get(page).content.decode()
    skipped = operator.get(f"{page}?state=skipped&page=99")
    assert [item["state"][0] for item in skipped.context["items"]] == ["Skipped"]
    assert NASTY not in skipped.content.decode()
    assert len(operator.get(f"{page}?state=odd&page=x").context["items"]) == 1
