"""The table of moves, as a graph."""

import pytest

from tasks.models import Task
from tasks.states import BACKLOG, FINAL, FIRST, MOVES, WAITING, Move, TaskStatus

STATUSES = frozenset(TaskStatus)


def exits(status: TaskStatus) -> set[TaskStatus]:
    return {end for starts, ends in MOVES.values() if status in starts for end in ends}


def reachable(starts: frozenset[TaskStatus]) -> set[TaskStatus]:
    found, edge = set(starts), set(starts)
    while edge:
        edge = {end for status in edge for end in exits(status)} - found
        found |= edge
    return found


def test_each_move_has_a_start_and_an_end() -> None:
    assert set(MOVES) == set(Move)
    for starts, ends in MOVES.values():
        assert starts, ends
        assert starts | ends <= STATUSES
        assert not starts & ends


def test_a_submitted_task_can_come_to_every_status() -> None:
    assert reachable(FIRST) == STATUSES


@pytest.mark.parametrize("status", sorted(STATUSES - FINAL))
def test_every_task_can_end(status: TaskStatus) -> None:
    assert reachable(frozenset({status})) & FINAL


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_final_status_is_left_by_reviving_a_dead_task_only(status: TaskStatus) -> None:
    moves = {move for move, (starts, _) in MOVES.items() if status in starts}
    assert moves == ({Move.REVIVE, Move.REBLOCK, Move.UNBLOCK} if status == TaskStatus.FAILED else set())


def test_a_claim_is_the_only_way_into_processing() -> None:
    assert [move for move, (_, ends) in MOVES.items() if TaskStatus.PROCESSING in ends] == [Move.CLAIM]
    assert MOVES[Move.CLAIM][0] == {TaskStatus.QUEUED}


def test_every_status_is_in_one_part_of_a_life() -> None:
    parts = [WAITING, {TaskStatus.QUEUED}, {TaskStatus.PROCESSING}, FINAL]
    assert sorted(status for part in parts for status in part) == sorted(STATUSES)
    assert sorted(BACKLOG) == [TaskStatus.PENDING, TaskStatus.QUEUED]


@pytest.mark.parametrize("move", Move)
def test_a_task_allows_what_the_table_allows(move: Move) -> None:
    assert {status for status in STATUSES if Task(status=status).allows(move)} == MOVES[move][0]
