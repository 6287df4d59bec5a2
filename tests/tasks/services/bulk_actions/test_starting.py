"""What is refused at the start, with nothing started; and that the same request starts one action."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import PermissionDenied

from tasks import auditing
from tasks.exceptions import (
    BulkActionMissing,
    BulkActionUnderWay,
    IdempotencyConflict,
    IllegalBulkMove,
    InvalidSubmission,
    SetChanged,
)
from tasks.models import AuditEntry, BulkAction, BulkActionItem, DeadLetter
from tasks.models.task import new_id
from tasks.searching import InvalidSearch, Selection
from tasks.services import discard_dead_letters, preview_bulk_action
from tasks.services.bulk_actions import (
    PatchPreview,
    abort_bulk_action,
    pause_bulk_action,
    preview_patch,
    previewing,
    resume_bulk_action,
    starting,
)
from tasks.states import BulkVerb, TaskStatus
from tests.tasks.rows import tasks
from tests.tasks.services.bulk_actions.conftest import RIGHTS, again, dead_letters

pytestmark = [pytest.mark.django_db, pytest.mark.database]
S = TaskStatus


@pytest.mark.parametrize(
    ("verb", "given", "attr"),
    [
        ("explode", {}, "verb"),
        ("cancel", {"reason": "  "}, "reason"),
        ("cancel", {"reason": "x" * 1_001}, "reason"),
        ("cancel", {"reason": "a\x00b"}, "reason"),
        ("cancel", {"token": ""}, "idempotency_key"),
        ("cancel", {"selection": Selection("dead_letters")}, "selection.kind"),
        ("cancel", {"selection": Selection("tasks", "status:completed")}, "selection"),  # there is none
        ("cancel", {"guard": {"canary": 5}}, "guard"),
        ("cancel", {"options": {"patch": {"a": 1}}}, "options.patch"),
        ("cancel", {"options": {"colour": "red"}}, "options.colour"),
        ("change_priority", {}, "options.priority"),
        ("change_priority", {"options": {"priority": 10}}, "options.priority"),
        ("retry", {"options": {"priority": 3}}, "options.priority"),
        ("retry", {"options": {"spread": -1.0}}, "options.spread"),
        ("retry", {"options": {"patch": {"a": "\x00"}}}, "options.patch"),
        ("retry", {"options": {"patch": {"a": "x" * 300_000}}}, "options.patch"),
        ("reprocess", {"options": {"spread": 5.0}}, "options.spread"),  # guarded, which has a rate
        ("reprocess", {"guard": {"canary": 0}}, "guard.canary"),
        ("reprocess", {"guard": {"rate": 0}}, "guard.rate"),
        ("reprocess", {"guard": {"failure_share": 1.5}}, "guard.failure_share"),
    ],
)
def test_what_is_wrong_is_said_with_its_path_and_nothing_is_started(
    start: Any, verb: str, given: dict[str, Any], attr: str
) -> None:
    tasks(1)
    dead_letters(1)
    with pytest.raises(InvalidSubmission) as caught:
        start(verb, **given)
    assert [error["attr"] for error in caught.value.errors] == [attr]
    assert not BulkAction.objects.exists()


def test_a_broken_word_of_the_search_is_refused(start: Any) -> None:
    with pytest.raises(InvalidSearch):
        start("cancel", "colour:red")
    assert not BulkAction.objects.exists()


@pytest.mark.parametrize(
    ("expected", "refused"), [(100, False), (98, True), (None, False), (99, False), (103, False), (110, True)]
)
def test_a_set_that_has_changed_by_more_than_a_little_is_refused_with_the_new_number(
    start: Any, settings: Any, expected: int, refused: bool
) -> None:
    settings.BULK_ACTION_TOLERANCE = 2  # per cent of what was confirmed, rounded down
    tasks(100 if expected != 103 else 101)
    if not refused:
        assert start("cancel", expected_count=expected).total in (100, 101)
        return
    with pytest.raises(SetChanged, match=f"100 match by now, and {expected} were confirmed") as caught:
        start("cancel", expected_count=expected)
    assert caught.value.found == 100
    assert not BulkActionItem.objects.exists()


def test_more_than_the_limit_is_refused_before_it_is_read(start: Any, settings: Any) -> None:
    settings.BULK_ACTION_LIMIT = 2
    tasks(3)
    with pytest.raises(InvalidSubmission, match="more than 2 match"):
        start("cancel")


def test_the_same_form_sent_twice_starts_one(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks(2)
    first = start("cancel", token="form-1")
    again_sent = start("cancel", token="form-1")
    assert (first.is_new, again_sent.is_new, again_sent.id) == (True, False, first.id)
    # In the same moment: neither has seen the other's row.
    real, asked = starting._of_token, iter([False, True])
    monkeypatch.setattr(starting, "_of_token", lambda action: real(action) if next(asked) else None)
    assert start("cancel", token="form-1").id == first.id
    assert BulkAction.objects.count() == 1
    monkeypatch.undo()
    with pytest.raises(IdempotencyConflict):
        start("cancel", token="form-1", reason="something else")


def test_two_who_press_the_same_button_start_one_and_the_second_is_told(start: Any, operator: User) -> None:
    tasks(2)
    first, other = start("cancel", token="a"), User.objects.create_user("otto", is_superuser=True)
    with pytest.raises(BulkActionUnderWay, match=f"started by olga: bulk action {first.id}"):
        start("cancel", token="b", actor=other)
    assert start("run_now", actor=other).is_new  # another verb is another thing
    abort_bulk_action(first.id)
    assert start("cancel", token="b", actor=other).is_new


# --- Rights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verb", "right"), [("cancel", "change_task"), ("discard", "view_deadletter")])
def test_who_has_not_the_right_to_the_verb_starts_and_steers_nothing(start: Any, verb: str, right: str) -> None:
    tasks(1)
    dead_letters(1)
    other = User.objects.create_user("otto")
    some = Permission.objects.filter(content_type__app_label="tasks", codename__in=RIGHTS)
    other.user_permissions.set(some.exclude(codename=right))
    action = start(verb)
    kind: Any = "dead_letters" if verb == "discard" else "tasks"
    with pytest.raises(PermissionDenied, match=right):
        start(verb, actor=other)
    with pytest.raises(PermissionDenied, match=right):
        preview_bulk_action(verb=BulkVerb(verb), selection=Selection(kind), actor=other)
    for steer in (pause_bulk_action, resume_bulk_action, abort_bulk_action):
        with pytest.raises(PermissionDenied, match=right):
            steer(action.id, actor=other)
    assert again(action).status == action.status


def test_who_may_not_see_payloads_patches_none(start: Any, operator: User) -> None:
    dead_letters(1)
    operator.user_permissions.remove(Permission.objects.get(codename="view_payload"))
    with pytest.raises(PermissionDenied, match="view_payload"):
        start("retry", options={"patch": {"a": 1}}, actor=User.objects.get(pk=operator.pk))
    assert not BulkAction.objects.exists()


def test_the_states_that_a_request_does_not_fit_to_are_told(start: Any, operator: User) -> None:
    tasks(1)
    action = start("cancel")
    with pytest.raises(IllegalBulkMove, match="is waiting cannot be resumed"):
        resume_bulk_action(action.id, actor=operator)
    abort_bulk_action(action.id, actor=operator)
    for steer in (pause_bulk_action, resume_bulk_action, abort_bulk_action):
        with pytest.raises(IllegalBulkMove, match="is aborted cannot"):
            steer(action.id, actor=operator)
    with pytest.raises(BulkActionMissing):
        abort_bulk_action(new_id())


# --- What is shown before, and kept after -----------------------------------------------------------------------------


def test_a_preview_counts_by_state_and_class_and_what_the_verb_can_touch(operator: User) -> None:
    tasks(3)
    tasks(2, S.COMPLETED, type="sample.echo")
    dead_letters(2)
    discard_dead_letters(DeadLetter.objects.filter(pk=DeadLetter.objects.earliest("pk").pk), reason="known")
    found = preview_bulk_action(verb=BulkVerb.CANCEL, selection=Selection("tasks"), actor=operator)
    assert (found.count, found.touchable) == (7, 3)
    assert found.breakdown == {S.PENDING: 3, S.COMPLETED: 2, S.FAILED: 2}
    assert found.classes == {"sample.noop": 5, "sample.echo": 2}
    letters = preview_bulk_action(verb=BulkVerb.REPROCESS, selection=Selection("dead_letters"), actor=operator)
    assert (letters.count, letters.touchable, letters.breakdown) == (2, 1, {"discarded": 1, "open": 1})
    assert letters.classes == {"code_error": 2}


def test_a_patch_is_shown_on_samples_with_secrets_masked_and_what_it_makes_wrong_first(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previewing, "TRIED", 3)  # one of each of two types, and one of the rest
    dead_letters(2, type="sample.echo", payload={"password": "hunter2", "a": 1})
    dead_letters(1, type="sample.work", payload={"seconds": 1})
    letters = Selection("dead_letters")
    preview = preview_patch(verb=BulkVerb.REPROCESS, selection=letters, patch={"a": 2}, actor=operator)
    found = preview.samples
    assert (preview.tried, preview.invalid, preview.errors) == (3, 1, [(found[0].task, found[0].error)])
    assert [sample.error.partition(":")[0] for sample in found] == ["payload.a", "", ""]
    assert (found[1].before["a"], found[1].after["a"]) == (1, 2)
    assert "hunter2" not in str(found)
    operator.user_permissions.clear()
    blind = User.objects.get(pk=operator.pk)
    unseen = preview_patch(verb=BulkVerb.RETRY, selection=Selection("tasks"), patch={"a": 2}, actor=blind)
    assert unseen == PatchPreview()


def test_a_patch_that_is_wrong_for_every_payload_is_refused_at_the_start(start: Any) -> None:
    dead_letters(3, type="sample.work", payload={"seconds": 1})
    with pytest.raises(InvalidSubmission, match=r"options.patch: no payload is valid with it: payload.seconds"):
        start("reprocess", options={"patch": {"seconds": "many"}})
    assert not BulkAction.objects.exists()


def test_starting_steering_and_ending_are_in_the_audit_trail_once(start: Any, turn: Any, operator: User) -> None:
    tasks(3)
    with auditing.through("api"):
        action = start("cancel")
        pause_bulk_action(action.id, actor=operator, reason="lunch")
        resume_bulk_action(action.id, actor=operator)
    turn()
    entries = list(AuditEntry.objects.order_by("id").values_list("verb", "kind", "door", "count", "actor", "target"))
    assert {entry[1:3] for entry in entries} == {("bulk action", "api")}
    assert [(entry[0], entry[3]) for entry in entries] == [("cancel", 3), ("pause", 1), ("resume", 1), ("complete", 3)]
    assert {entry[4:] for entry in entries} == {(operator.pk, str(action.id))}
