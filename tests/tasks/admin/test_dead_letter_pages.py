"""Dead letters, groups and rules in the admin: what is shown, judged, tried, and seen before it is done."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tasks import database
from tasks.failure_groups import fold_changes
from tasks.models import DeadLetter, FailureGroup, FailureRule, Task
from tasks.states import TaskStatus
from tasks.transitions import note_deaths
from tests.tasks.admin.conftest import NASTY

pytestmark = [pytest.mark.django_db, pytest.mark.database]

GROUPS, RULES, LETTERS = ("/admin/tasks/failuregroup/", "/admin/tasks/failurerule/", "/admin/tasks/deadletter/")
S = TaskStatus


def said(response: Any) -> str:
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


@pytest.fixture
def make_group(make_task: Any, make_dead_letter: Any) -> Callable[..., FailureGroup]:
    def make_group(fingerprint: str = "0123456789abcdef", **fields: Any) -> FailureGroup:
        make_dead_letter(make_task(S.FAILED), fingerprint=fingerprint, **fields)
        note_deaths([(fingerprint, "http")])
        fold_changes()
        return FailureGroup.objects.get(pk=fingerprint)

    return make_group


# --- Groups -----------------------------------------------------------------------------------------------------------


def test_the_list_of_groups_costs_the_same_for_many(root: Client, make_group: Any) -> None:
    make_group("a" * 16)
    counts = []
    for number in range(2):
        with CaptureQueriesContext(connection) as queries:
            page = root.get(GROUPS).content.decode()
        counts.append(len(queries))
        for each in range(5):
            make_group(f"{number}{each}" * 8)
    assert counts[0] == counts[1]
    assert "1 deaths in 24 hours" in page
    order = [row.pk for row in root.get(f"{GROUPS}?o=-4").context["cl"].result_list]
    assert len(order) == 11


@pytest.mark.parametrize(
    ("verb", "state", "before"),
    [("resolve", "resolved", "open"), ("ignore", "ignored", "open"), ("reopen", "open", "ignored")],
)
def test_a_group_is_judged_once(verb: str, state: str, before: str, root: Client, make_group: Any) -> None:
    group = make_group()
    FailureGroup.objects.update(state=before)
    page = reverse("admin:tasks_failuregroup_change", args=[group.pk])
    assert verb.capitalize() in [each["label"] for each in root.get(page).context["buttons"]]
    address = reverse(f"admin:tasks_failuregroup_{verb}", args=[group.pk])
    seen = root.get(address).context["form"]["seen"].value()
    root.post(address, {"reason": f"because {NASTY}", "seen": seen})
    assert FailureGroup.objects.get().state == state
    assert "Nothing was done" in said(root.post(address, {"reason": "again", "seen": seen}))
    text = root.get(page).content.decode()
    assert NASTY not in text


@pytest.mark.parametrize(("term", "found"), [("BROKE", 1), ("valueerr", 1), ("0123", 1), ("nothing", 0)])
def test_groups_are_found_by_their_words(term: str, found: int, root: Client, make_group: Any) -> None:
    make_group()
    assert len(root.get(GROUPS, {"q": term}).context["cl"].result_list) == found


def test_a_group_that_has_grown_is_looked_at_again_and_ignoring_needs_a_reason(root: Client, make_group: Any) -> None:
    group = make_group()
    make_group()
    address = reverse("admin:tasks_failuregroup_resolve", args=[group.pk])
    assert "the group has 2 deaths by now, and you saw 1" in said(root.post(address, {"seen": "1"}))
    address = reverse("admin:tasks_failuregroup_ignore", args=[group.pk])
    assert root.post(address, {"seen": "2"}).context["form"].errors["reason"]
    assert FailureGroup.objects.get().state == "open"


def test_a_group_that_came_back_says_since_when_and_where(root: Client, make_group: Any, make_worker: Any) -> None:
    group = make_group()
    make_worker("w9@here", release="7.3")
    FailureGroup.objects.update(state="resolved", state_at=database.now() - timedelta(seconds=1))
    note_deaths([(group.pk, "http")], {group.pk: "w9@here"})
    fold_changes()
    text = root.get(reverse("admin:tasks_failuregroup_change", args=[group.pk])).content.decode()
    assert re.search(r"It came back .* after it had been resolved .* on w9@here \(release 7\.3\)", text, re.DOTALL)


def test_what_a_role_may_not_do_is_not_there(sign_in: Callable[..., Client], make_group: Any) -> None:
    group = make_group()
    viewer = sign_in("tasks.view_deadletter")
    page = viewer.get(reverse("admin:tasks_failuregroup_change", args=[group.pk]))
    assert [each["label"] for each in page.context["buttons"]] == ["Its open dead letters"]
    assert viewer.post(reverse("admin:tasks_failuregroup_resolve", args=[group.pk]), {}).status_code == 403
    assert sign_in("tasks.view_task").get(GROUPS).status_code == 403
    assert FailureGroup.objects.get().state == "open"


# --- Dead letters -----------------------------------------------------------------------------------------------------


def test_a_dead_letter_shows_its_evidence_and_hides_what_may_be_secret(
    root: Client, sign_in: Callable[..., Client], storied_task: Task, make_dead_letter: Any, make_task: Any
) -> None:
    letter = storied_task.dead_letters.get()
    make_dead_letter(make_task(S.FAILED), message=f"alike {NASTY}")
    address = reverse("admin:tasks_deadletter_change", args=[letter.pk])
    text = root.get(address).content.decode()
    for words in ("Traceback", "x-death", "Similar ones", "alike", "Attempts of its task", "would be refused"):
        assert words in text
    assert NASTY not in text
    hidden = sign_in("tasks.view_deadletter").get(address).content.decode()
    assert "traceback &lt;script&gt;" not in hidden
    assert "body &lt;script&gt;" not in hidden


def reprocess(client: Client, letter: DeadLetter, **fields: str) -> Any:
    return client.post(reverse("admin:tasks_deadletter_reprocess", args=[letter.pk]), fields)


def test_a_patch_is_shown_before_it_is_applied(root: Client, make_task: Any, make_dead_letter: Any) -> None:
    letter = make_dead_letter(
        make_task(S.FAILED, payload={"url": "https://example.com/a", "headers": {"Cookie": "s=1"}})
    )
    patch = '{"url": "https://example.com/b"}'
    asked = reprocess(root, letter, payload=patch)
    text = asked.content.decode()
    assert "Nothing was done yet" in text
    assert "example.com/a" in text
    assert "s=1" not in text
    assert Task.objects.get().status == S.FAILED
    seen = asked.context["form"]["previewed"].value()
    other = reprocess(root, letter, payload='{"url": "https://example.com/c"}', previewed=seen)
    assert "Something has changed since the preview" in other.content.decode()
    assert said(reprocess(root, letter, payload=patch, previewed=seen)) == "It was reprocessed."
    assert Task.objects.get().payload == {"url": "https://example.com/b", "headers": {"Cookie": "s=1"}}


def test_a_payload_that_was_changed_since_the_preview_is_shown_anew(
    root: Client, make_task: Any, make_dead_letter: Any
) -> None:
    letter = make_dead_letter(make_task(S.FAILED))
    patch = '{"url": "https://example.com/b"}'
    seen = reprocess(root, letter, payload=patch).context["form"]["previewed"].value()
    Task.objects.update(payload={"url": "https://example.com/z"})
    assert "Something has changed" in reprocess(root, letter, payload=patch, previewed=seen).content.decode()
    assert DeadLetter.objects.get().resolution == ""


def test_a_selection_gets_a_payload_only_if_all_of_it_stays_valid(
    root: Client, make_task: Any, make_dead_letter: Any
) -> None:
    letters = [
        make_dead_letter(make_task(S.FAILED)),
        make_dead_letter(make_task(S.FAILED, type="health_check", payload={})),
    ]
    address = reverse("admin:tasks_deadletter_selected_reprocess")
    given = {"ids": ",".join(str(each.pk) for each in letters), "filters": ""}
    asked = root.post(address, {**given, "payload": '{"method": "PUT"}'})
    assert "of 2 payloads, 1 would be refused" in asked.content.decode()
    assert asked.context["form"]["previewed"].value() == ""
    assert not DeadLetter.objects.exclude(resolution="").exists()
    assert said(root.post(address, given)) == "2 dead letters were reprocessed."


# --- Rules ------------------------------------------------------------------------------------------------------------

RULE = {
    "order": "10", "enabled": "on", "type": "http_*", "error_class": "", "message": "broke",
    "message_match": "contains", "category": "connection", "verdict": "retry", "delay": "30", "note": f"note {NASTY}",
}  # fmt: skip


def test_a_rule_is_tried_before_it_is_saved(root: Client, make_task: Any, make_dead_letter: Any) -> None:
    make_dead_letter(make_task(S.FAILED), message=f"it broke {NASTY}")
    asked = root.post(f"{RULES}add/", {**RULE, "_try": ""})
    text = asked.content.decode()
    assert "It would have decided on 1 of the last 1 failures" in text
    assert NASTY not in text
    assert not FailureRule.objects.exists()
    root.post(f"{RULES}add/", {**RULE, "_save": ""})
    rule = FailureRule.objects.get()
    assert (rule.category, rule.verdict, rule.delay) == ("connection", "retry", 30.0)
    text = root.get(RULES).content.decode()
    assert "type http_*, message contains “broke”" in text
    assert NASTY not in text


def test_what_is_no_rule_is_said_at_its_field(root: Client) -> None:
    for button in ("_try", "_save"):
        page = root.post(f"{RULES}add/", {**RULE, "message": "(", "message_match": "regex", button: ""})
        assert "no regular expression" in page.context["form"].errors["message"][0]
    assert not FailureRule.objects.exists()


def test_of_two_editors_of_a_rule_the_second_is_told(root: Client) -> None:
    root.post(f"{RULES}add/", RULE)
    rule = FailureRule.objects.get()
    page = f"{RULES}{rule.pk}/change/"
    seen = root.get(page).context["form"]["seen"].value()
    root.post(page, {**RULE, "note": "first", "seen": seen})
    assert "Nothing was changed" in said(root.post(page, {**RULE, "note": "second", "seen": seen}))
    assert FailureRule.objects.get().note == "first"
    remove = f"{RULES}{rule.pk}/remove/"
    seen = root.get(remove).context["form"]["seen"].value()
    assert root.post(remove, {"seen": seen})["Location"] == RULES
    assert not FailureRule.objects.exists()


def test_a_viewer_reads_rules_and_edits_none(root: Client, sign_in: Callable[..., Client]) -> None:
    root.post(f"{RULES}add/", RULE)
    page = f"{RULES}{FailureRule.objects.get().pk}/change/"
    viewer = sign_in("tasks.view_failurerule")
    text = viewer.get(page).content.decode()
    assert "Try it" not in text
    assert "message contains" in text
    assert viewer.post(page, RULE).status_code == viewer.get(f"{RULES}add/").status_code == 403
