"""The table of a bulk action's moves, each status by each move, with the functions that really move it."""

from collections.abc import Callable
from typing import Any

import pytest

from tasks import database, transitions
from tasks.models import BulkAction
from tasks.states import BULK_FINAL, BULK_MOVES, BULK_OPEN, BulkMove, BulkStatus, BulkVerb, Door
from tests.tasks.rows import LEADER, lead

pytestmark = [pytest.mark.database, pytest.mark.django_db]


def an_action(status: BulkStatus) -> BulkAction:
    now = database.now()
    return BulkAction.objects.create(
        verb=BulkVerb.CANCEL, selection={}, selection_hash=status, reason="r", door=Door.API, status=status, total=1,
        created_at=now, finished_at=now if status in BULK_FINAL else None,
    )  # fmt: skip


def moves_by(move: BulkMove) -> Callable[[BulkAction], Any]:
    if move == BulkMove.START:  # by the coordinator alone, which holds it with its term
        return lambda action: transitions.hold_bulk_action(action.id, **LEADER)
    return lambda action: transitions.move_bulk_action(action.id, move, note="so")


@pytest.mark.parametrize("move", BulkMove)
@pytest.mark.parametrize("status", BulkStatus)
def test_status_by_move(status: BulkStatus, move: BulkMove) -> None:
    lead()
    action, bystander = an_action(status), an_action(BulkStatus.FAILED)
    before = BulkAction.objects.values().get(id=action.id)
    moved = moves_by(move)(action)
    after = BulkAction.objects.values().get(id=action.id)
    sources, target = BULK_MOVES[move]
    if status in sources:
        assert moved
        assert after["status"] == target
        assert (after["finished_at"] is not None) is (target in BULK_FINAL)
    else:
        assert not moved or move == BulkMove.START  # held: it runs already
        assert after == before
    assert BulkAction.objects.get(id=bystander.id).status == BulkStatus.FAILED


def test_every_action_can_end_and_no_end_is_left() -> None:
    assert set(BulkStatus) == BULK_OPEN | BULK_FINAL
    for status in BulkStatus:
        exits = {target for sources, target in BULK_MOVES.values() if status in sources}
        assert bool(exits & BULK_FINAL) is (status in BULK_OPEN)
        assert bool(exits) is (status in BULK_OPEN)


@pytest.mark.parametrize("status", BulkStatus)
def test_another_term_holds_nothing(status: BulkStatus) -> None:
    lead(term=8)
    action = an_action(status)
    assert transitions.hold_bulk_action(action.id, **LEADER) is None
    assert BulkAction.objects.get(id=action.id).status == status


def test_old_ones_are_forgotten_with_their_items() -> None:
    old, young = an_action(BulkStatus.FAILED), an_action(BulkStatus.ABORTED)
    waiting = an_action(BulkStatus.WAITING)
    old.items.create(position=0, target=old.id)
    BulkAction.objects.filter(id=old.id).update(finished_at="2020-01-01T00:00:00Z")
    assert transitions.forget_bulk_actions(3600.0) == 1
    assert set(BulkAction.objects.values_list("id", flat=True)) == {young.id, waiting.id}
