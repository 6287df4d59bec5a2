"""What the coordinator does with a bulk action: all of it, once, in batches, as far as states and rights allow."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from tasks import transitions
from tasks.models import BulkAction, DeadLetter, Task, TaskEvent
from tasks.services import discard_dead_letters
from tasks.services.bulk_actions import running, steering, verbs
from tasks.states import BulkStatus, ItemState, TaskStatus
from tests.tasks.rows import TERM, tasks
from tests.tasks.services.bulk_actions.conftest import again, dead_letters

pytestmark = [pytest.mark.django_db, pytest.mark.database]
S = TaskStatus


def states(action: BulkAction) -> list[str]:
    return list(action.items.order_by("position").values_list("state", flat=True))


@pytest.mark.parametrize(
    ("verb", "options", "status", "becomes"),
    [
        ("cancel", {}, S.PENDING, {"status": S.CANCELLED}),
        ("retry", {}, S.FAILED, {"status": S.PENDING}),
        ("run_now", {}, S.SCHEDULED, {"status": S.PENDING}),
        ("change_priority", {"priority": 9}, S.PENDING, {"priority": 9, "status": S.PENDING}),
    ],
)
def test_each_verb_is_done_to_all_and_skips_what_its_state_forbids(
    start: Any, turn: Any, operator: User, verb: str, options: Any, status: S, becomes: dict[str, Any]
) -> None:
    ids, [over] = tasks(3, status), tasks(1, S.COMPLETED)
    action = start(verb, options=options)
    assert (action.status, action.total, action.breakdown) == (BulkStatus.WAITING, 4, {status: 3, S.COMPLETED: 1})
    turn()
    after = again(action)
    assert (after.status, after.done, after.skipped, after.failed) == (BulkStatus.COMPLETED, 3, 1, 0)
    assert Task.objects.filter(id__in=ids, **becomes).count() == 3
    assert Task.objects.get(id=over).status == S.COMPLETED
    assert after.skip_reasons == {"completed: its state does not allow that": 1}
    assert after.started_at
    assert after.finished_at
    events = TaskEvent.objects.values_list("actor", "reason").distinct()
    assert list(events) == [(operator.pk, "the tests want it")]


def test_dead_letters_are_discarded_and_what_is_resolved_is_skipped(start: Any, turn: Any) -> None:
    dead_letters(3)
    letter = DeadLetter.objects.earliest("pk")
    action = start("discard")
    discard_dead_letters(DeadLetter.objects.filter(pk=letter.pk), reason="known")  # by somebody else, meanwhile
    turn()
    assert (again(action).done, again(action).skip_reasons) == (2, {"discarded: it is resolved already": 1})
    assert not DeadLetter.objects.filter(resolution="").exists()


def test_a_running_task_is_asked_for_and_says_so(start: Any, turn: Any) -> None:
    tasks(1, S.PROCESSING, lease_expires_at="2100-01-01T00:00:00Z")
    action = start("cancel")
    turn()
    [item] = action.items.all()
    assert (item.state, item.reason) == (ItemState.DONE, "its worker was asked to stop, and confirms it")


def test_what_comes_to_match_later_is_not_touched(start: Any, turn: Any) -> None:
    tasks(2)
    action = start("cancel", "status:pending")
    tasks(2)
    turn()
    assert again(action).done == 2
    assert Task.objects.filter(status=S.PENDING).count() == 2


def test_ten_thousand_are_done_in_batches_and_the_cursor_moves_with_each(start: Any, turn: Any, batch: Any) -> None:
    tasks(10_000)
    action = start("change_priority", options={"priority": 7}, expected_count=10_000)
    batch(action)
    some = again(action)
    assert (some.status, some.cursor, some.done) == (BulkStatus.RUNNING, running.BATCH, running.BATCH)
    assert Task.objects.filter(priority=7).count() == running.BATCH
    turn(seconds=120)
    assert (again(action).status, again(action).done) == (BulkStatus.COMPLETED, 10_000)
    assert TaskEvent.objects.count() == 10_000  # each once


@pytest.mark.parametrize("where", ["run", "write_items", "save"])
def test_a_batch_that_breaks_off_anywhere_is_done_again_as_a_whole(
    start: Any, turn: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    tasks(3)
    action = start("cancel")
    place = {"run": verbs, "write_items": transitions, "save": BulkAction}[where]
    real: Callable[..., Any] = getattr(place, where)

    def breaks(*args: Any, **options: Any) -> Any:
        real(*args, **options)
        raise OperationalError("the server has gone away")

    monkeypatch.setattr(place, where, breaks)
    with pytest.raises(OperationalError):
        turn()
    assert (again(action).cursor, Task.objects.filter(status=S.PENDING).count()) == (0, 3)
    assert not TaskEvent.objects.exists()
    monkeypatch.setattr(place, where, real)
    turn()
    assert (again(action).done, TaskEvent.objects.count()) == (3, 3)


def test_a_coordinator_whose_term_is_over_does_nothing(start: Any, turn: Any) -> None:
    tasks(1)
    action = start("cancel")
    assert turn(term=TERM - 1) == 0
    assert again(action).status == BulkStatus.WAITING
    assert Task.objects.get().status == S.PENDING


def test_an_item_that_breaks_its_batch_fails_alone(start: Any, turn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ids, real = tasks(4), verbs.run

    def breaks(verb: Any, items: Any, *rest: Any) -> Any:
        if ids[1] in {item.target for item in items}:
            raise ValueError("nobody foresaw this")
        return real(verb, items, *rest)

    monkeypatch.setattr(verbs, "run", breaks)
    action = start("cancel")
    turn()
    assert states(action) == [ItemState.DONE, ItemState.FAILED, ItemState.DONE, ItemState.DONE]
    assert action.items.get(position=1).reason == "ValueError: nobody foresaw this"
    assert (again(action).status, again(action).failed) == (BulkStatus.COMPLETED, 1)


def test_an_action_with_an_error_of_its_own_keeps_no_other_waiting(
    start: Any, turn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks(2)
    first, second = start("cancel", "status:pending"), start("run_now")
    BulkAction.objects.filter(id=first.id).update(options={"no": "such option"})
    with pytest.raises(ValueError, match="no"):
        turn()
    assert again(first).status == BulkStatus.WAITING
    assert again(second).status == BulkStatus.COMPLETED


# --- Steering ---------------------------------------------------------------------------------------------------------


def test_a_pause_holds_and_a_resumed_one_goes_on_where_it_was(
    start: Any, turn: Any, batch: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(running, "BATCH", 2)
    tasks(5)
    action = start("cancel")
    batch(action)
    steering.pause_bulk_action(action.id, reason="lunch")
    assert turn() == 0
    assert (again(action).note, again(action).done) == ("paused by the system: lunch", 2)
    steering.resume_bulk_action(action.id)
    turn()
    assert (again(action).status, again(action).done, TaskEvent.objects.count()) == (BulkStatus.COMPLETED, 5, 5)


def test_after_an_abort_nothing_else_is_touched(start: Any, turn: Any, batch: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(running, "BATCH", 2)
    tasks(5)
    action = start("cancel")
    batch(action)
    steering.abort_bulk_action(action.id, reason="enough")
    assert turn() == 0
    after = again(action)
    assert (after.status, after.done, after.left) == (BulkStatus.ABORTED, 2, 3)
    assert Task.objects.filter(status=S.PENDING).count() == 3
    assert states(after).count(ItemState.WAITING) == 3


# --- Rights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loses", ["the right", "the account", "the right to see payloads"])
def test_who_has_lost_the_right_meanwhile_does_nothing_more(
    start: Any, turn: Any, batch: Any, operator: User, monkeypatch: Any, loses: str
) -> None:
    monkeypatch.setattr(running, "BATCH", 2)
    dead_letters(5)
    action = start("retry", options={"patch": {"a": 1}})
    batch(action)
    if loses == "the account":
        User.objects.filter(pk=operator.pk).update(is_active=False)
    else:
        codename = "change_task" if loses == "the right" else "view_payload"
        operator.user_permissions.remove(operator.user_permissions.get(codename=codename))
    turn()
    after = again(action)
    assert (after.status, after.done) == (BulkStatus.FAILED, 2)
    assert after.note.startswith("olga may not ")
    assert Task.objects.filter(status=S.FAILED).count() == 3
