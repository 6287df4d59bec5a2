"""What the end of a task means for its children, and its return from the dead, as the model has it.

One step tells one child of one parent: a settling with a small budget does some of the steps that are open, in an order
of its own, and a whole one does them all.
"""

import uuid
from collections.abc import Iterable, Iterator

from tasks.states import DEAD, EventKind, OnDependencyFailure, TaskStatus
from tests.tasks.transitions.machine.life import Life, Pictures, When

S = TaskStatus

Lives = dict[uuid.UUID, Life]


def settle(lives: Lives) -> None:
    """Takes all steps that are open."""
    while True:
        for child, parent in list(_to_be_met(lives)):
            child.parents[parent] = True
            _free(child)
        if not (abandoned := list(_to_be_abandoned(lives))):
            break
        for child in abandoned:
            _abandon(child)
    for life in lives.values():
        life.unsettled = False


def settle_as_seen(lives: Lives, seen: Pictures, repaired: Iterable[uuid.UUID]) -> None:
    """Takes those open steps that the rows show as taken, and finds out who may call itself settled.

    Those that `repaired` names were told anew without having been marked: nothing says that this came to its end.
    """
    moved = True
    while moved:
        moved = False
        for child, parent in list(_to_be_met(lives)):
            if child.id in seen and seen[child.id]["parents"].get(parent):
                child.parents[parent] = moved = True
                _free(child)
        for child in list(_to_be_abandoned(lives)):
            if child.id in seen and seen[child.id]["events"].get(EventKind.ABANDONED) != child.events.get(
                EventKind.ABANDONED
            ):
                _abandon(child)
                moved = True
    unfinished = {parent for _, parent in _to_be_met(lives)}
    unfinished |= {parent for child in _to_be_abandoned(lives) for parent in _deaths(lives, child)}
    for life in lives.values():
        if life.unsettled and life.id in seen and not seen[life.id]["unsettled"]:
            assert life.id not in unfinished or life.id in repaired, f"{life.id} is settled and has not told all"
            life.unsettled = False


def reblock(lives: Lives, back: Iterable[uuid.UUID]) -> None:
    """failed -> blocked for what had failed because of those that are back, unless another parent is dead."""
    level = set(back)
    while level:
        children = [
            child
            for child in lives.values()
            if child.status == S.FAILED
            and any(parent in level and not met for parent, met in child.parents.items())
            and not any(lives[parent].status in DEAD for parent, met in child.parents.items() if not met)
        ]
        for child in children:
            child.status, child.unsettled, child.is_old = S.BLOCKED, False, False
            child.events[EventKind.REBLOCKED] += 1
        level = {child.id for child in children}


def overlooked(lives: Lives) -> set[uuid.UUID]:
    """Returns the settled parents that blocked children wait for in vain: an edit of a child's policy does that."""
    return {
        parent
        for child in lives.values()
        if child.status == S.BLOCKED
        for parent, met in child.parents.items()
        if not met and not lives[parent].unsettled and _says_something(lives[parent], child)
    }


def _says_something(parent: Life, child: Life) -> bool:
    return parent.status == S.COMPLETED or (parent.status in DEAD and child.policy != OnDependencyFailure.WAIT)


def _to_be_met(lives: Lives) -> Iterator[tuple[Life, uuid.UUID]]:
    for child in lives.values():
        for each, met in child.parents.items():
            if met or each not in lives or not lives[each].unsettled:
                continue
            status = lives[each].status
            if status == S.COMPLETED or (status in DEAD and child.policy == OnDependencyFailure.RUN):
                yield child, each


def _to_be_abandoned(lives: Lives) -> Iterator[Life]:
    for child in lives.values():
        if child.status == S.BLOCKED and child.policy == OnDependencyFailure.FAIL and _deaths(lives, child):
            yield child


def _deaths(lives: Lives, child: Life) -> list[uuid.UUID]:
    return [
        each
        for each, met in child.parents.items()
        if not met and each in lives and lives[each].unsettled and lives[each].status in DEAD
    ]


def _free(child: Life) -> None:
    if child.status == S.BLOCKED and not child.unmet:
        child.status = S.SCHEDULED if child.when == When.AHEAD else S.PENDING
        if child.status == S.PENDING:
            child.when = When.NOW


def _abandon(child: Life) -> None:
    child.status, child.unsettled = S.FAILED, child.has_dependents
    child.events[EventKind.ABANDONED] += 1
