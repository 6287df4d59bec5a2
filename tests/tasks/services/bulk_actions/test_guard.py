"""A guarded reprocess: the canary first, a stop by itself where too much fails, then the rest at a rate."""

import time
from collections.abc import Iterable
from typing import Any

import pytest

from tasks import canary
from tasks.canary import Guard, Seen, Word, judge
from tasks.models import BulkAction, DeadLetter, Task
from tasks.services.bulk_actions import abort_bulk_action
from tasks.services.bulk_actions.running import watch_bulk_actions
from tasks.states import BulkStatus, TaskStatus, Watched
from tasks.transitions import claim, enqueue, finish
from tests.tasks.rows import HOLDER, LEADER, TERM, ending
from tests.tasks.services.bulk_actions.conftest import again, dead_letters

pytestmark = [pytest.mark.django_db, pytest.mark.database]
S = TaskStatus
FAST = {"canary": 10, "rate": 100_000.0, "failure_share": 0.2}


def work(fails: Iterable[Any] = (), most: int = 1_000) -> int:
    """Does what workers do to what is due: it fails, or is completed."""
    ids = list(Task.objects.filter(status=S.PENDING).order_by("id").values_list("id", flat=True)[:most])
    enqueue(ids, queue="default", **LEADER)
    claims = claim(ids, queue="default", worker="w1@test", incarnation=HOLDER, lease=30, alone=False)
    broken = set(fails)
    finish([ending(each, S.FAILED if each.id in broken else S.COMPLETED) for each in claims], incarnation=HOLDER)
    return len(claims)


def test_a_fix_that_works_for_one_class_only_is_stopped_after_the_canary_and_nothing_else_is_touched(
    start: Any, turn: Any
) -> None:
    mended, broken = dead_letters(300, "a" * 16), dead_letters(700, "b" * 16)
    action = start("reprocess", guard={**FAST, "canary": 20})
    turn()
    assert Task.objects.filter(status=S.PENDING).count() == 20
    assert "waits for the canary: 0 of 20 have ended" in again(action).note
    assert turn() == 0
    tried = set(Task.objects.filter(status=S.PENDING).values_list("id", flat=True))
    assert (len(tried & set(mended)), len(tried & set(broken))) == (6, 14)  # each class has its share
    work(broken)
    turn()
    after = again(action)
    assert (after.status, after.done, after.left) == (BulkStatus.STOPPED, 20, 980)
    assert after.note == "14 of the canary's 20 failed: its guard allows 20 % of them. 980 dead letters not touched."
    assert after.ended == {Watched.FAILED: 14, Watched.COMPLETED: 6}
    assert Task.objects.exclude(id__in=tried).exclude(status=S.FAILED, attempt=1).count() == 0
    assert DeadLetter.objects.filter(resolution="").exclude(task_id__in=tried).count() == 980
    assert turn() == 0


def test_too_many_failures_stop_it_before_the_canary_has_ended(start: Any, turn: Any) -> None:
    ids = dead_letters(100)
    action = start("reprocess", guard=FAST)
    turn()
    work(ids, most=3)
    turn()
    assert (again(action).status, again(action).left) == (BulkStatus.STOPPED, 90)


def test_a_good_canary_lets_the_rest_follow_and_a_failure_of_later_ones_stops_it_still(start: Any, turn: Any) -> None:
    ids = dead_letters(400)
    action = start("reprocess", guard={**FAST, "rate": 100.0})
    turn()
    work()
    turn(seconds=0.2)
    assert again(action).done == 60  # the canary, and half a second of the rate
    assert turn() == 0
    work(ids)
    turn()
    after = again(action)
    assert (after.status, after.done) == (BulkStatus.STOPPED, 60)
    assert after.note.startswith("20 of the latest 20 failed: its guard allows 20 % of 20. 340 dead letters")


def test_a_good_fix_brings_all_back_at_the_rate(start: Any, turn: Any) -> None:
    dead_letters(40)
    action = start("reprocess", guard={**FAST, "rate": 20.0})
    began = time.monotonic()
    while again(action).status in (BulkStatus.WAITING, BulkStatus.RUNNING):
        turn(seconds=0.05)
        work()
        assert time.monotonic() - began < 30
    assert (again(action).status, again(action).done) == (BulkStatus.COMPLETED, 40)
    assert time.monotonic() - began > 0.9  # 30 tasks at 20 a second, of which the last 10 are not waited for
    watch_bulk_actions(TERM)
    assert again(action).ended == {Watched.COMPLETED: 40}


def test_what_the_patch_makes_invalid_counts_as_a_failure_of_the_canary(start: Any, turn: Any) -> None:
    dead_letters(30, type="sample.work", payload={"seconds": 0})
    dead_letters(70, type="sample.noop", payload={})
    action = start("reprocess", guard=FAST, options={"patch": {"unknown": 1}})
    turn()
    after = again(action)
    assert (after.status, after.failed) == (BulkStatus.STOPPED, 3)
    assert after.items.filter(reason__startswith="payload.unknown: ").count() == 3


def test_what_ends_after_an_abort_is_still_noted(start: Any, turn: Any) -> None:
    ids = dead_letters(30)
    action = start("reprocess", guard=FAST)
    turn()
    abort_bulk_action(action.id)
    work(ids[:2])
    watch_bulk_actions(TERM)
    assert sum(again(action).ended.values()) == 10


def test_a_reprocess_is_guarded_unless_told_otherwise_and_a_retry_only_if_asked(start: Any, settings: Any) -> None:
    settings.GUARD_CANARY, settings.GUARD_RATE, settings.GUARD_FAILURES = 7, 8, 9
    dead_letters(1)
    expected = {"canary": 7, "rate": 8.0, "failure_share": 0.09}
    assert start("reprocess").guard == expected
    assert start("reprocess", "type:sample.noop", guard=False).guard is None
    assert start("reprocess", "resolution:open", guard={}).guard == expected
    assert start("retry").guard is None
    assert start("retry", "status:failed", guard={"canary": 3}).guard == {**expected, "canary": 3}


# --- The rules themselves ---------------------------------------------------------------------------------------------

GUARD = Guard(canary=10, rate=5, failure_share=0.2)


def seen(brought_back: int, completed: int = 0, failed: int = 0, broken: int = 0, recent: str = "") -> Seen:
    return Seen(100, brought_back, broken, {Watched.COMPLETED: completed, Watched.FAILED: failed}, recent)


@pytest.mark.parametrize(
    ("what", "word", "most"),
    [
        (seen(0), Word.GO_ON, 10),
        (seen(4, 1, 1), Word.GO_ON, 6),  # some of its first items were skipped
        (seen(10, 7, 2), Word.WAIT, 0),
        (seen(10, 8, 2), Word.GO_ON, 100),  # exactly the share is allowed
        (seen(10, 0, 3), Word.STOP, 0),
        (seen(9, 9, 0, broken=1), Word.GO_ON, 100),
        (seen(50, 36, 4, recent="." * 16 + "f" * 4), Word.GO_ON, 100),
        (seen(50, 35, 5, recent="." * 15 + "f" * 5), Word.STOP, 0),
        (seen(50, 35, 5, recent="f" * 5 + "." * 20), Word.GO_ON, 100),  # it went wrong for a while, and is well now
    ],
)
def test_the_guard_judges_by_what_it_has_seen(what: Seen, word: Word, most: int) -> None:
    verdict = judge(GUARD, what)
    assert (verdict.word, verdict.most) == (word, most)
    assert bool(verdict.note) is (word != Word.GO_ON)


def test_a_canary_larger_than_the_set_is_the_set() -> None:
    assert canary.canary_first([1, 2], ["a", "b"], 5) == [1, 2]
    assert canary.canary_first(list("abcdefgh"), list("xxxxxxyy"), 4) == list("bdfh" + "aceg")


def test_the_model_of_an_action_knows_how_much_is_left() -> None:
    assert BulkAction(total=9, done=1, skipped=2, failed=3).left == 3
