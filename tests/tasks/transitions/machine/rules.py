"""The rules by which people and the coordinator act, and time passes."""

import uuid
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tasks.states import FINAL, OnDependencyFailure, TaskStatus
from tasks.transitions import repair_blocked, return_paused, settle_rest
from tasks.transitions.settling import SETTLED_AT_ONCE
from tests.tasks.rows import lead
from tests.tasks.transitions.machine import actions, family
from tests.tasks.transitions.machine.actions import Action
from tests.tasks.transitions.machine.life import LONG, When
from tests.tasks.transitions.machine.machine import HOLDERS, MOST, QUEUES, Frame

S = TaskStatus

KNOWN = ["sample.noop"]  # to the workers; the other type is installed, and parked at times
FAMILY: list[list[int]] = [[], [], [], [0, 1], [1, 2], [0, 1, 2], [3, 4], [0, 5]]  # the parents of each, to begin with
numbers = st.integers(0, MOST)
some = st.lists(numbers, min_size=1, max_size=4, unique=True)
queues = st.sampled_from([*QUEUES[:1] * 3, *QUEUES[1:]])
holders = st.sampled_from(HOLDERS)
policies = st.sampled_from(OnDependencyFailure)
delays = st.sampled_from([0.0, 0.0, 0.0, LONG * 10])
forms = st.fixed_dictionaries(
    {"type": st.sampled_from([*KNOWN * 4, "sample.echo"]), "max_attempts": st.integers(1, 3)},
    optional={
        "queue": queues,
        "priority": st.integers(0, 9),
        "delay": delays,
        "on_dependency_failure": policies,
        "compensate": st.just({"type": "sample.noop"}),
    },
)
edits = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.integers(0, 9),
        "max_attempts": st.integers(1, 4),
        "delay": delays,
        "queue": queues,
        "on_dependency_failure": policies,
    },
)


class Rules(Frame):
    @initialize(budget=st.sampled_from([SETTLED_AT_ONCE] * 3 + [1, 2, 3]), count=st.integers(4, len(FAMILY)))
    def begin(self, budget: int, count: int) -> None:
        self.tell_at_once(budget)
        tasks = [{"type": KNOWN[0], "max_attempts": 2, "depends_on": parents} for parents in FAMILY[:count]]
        self.do(actions.submit(tasks))

    # --- Submitting ---------------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.model.lives) < 25)
    @rule(form=forms, parents=st.lists(numbers, max_size=4))
    def submit_one(self, form: dict[str, Any], parents: list[int]) -> None:
        self.do(actions.submit([form | {"depends_on": self.pick(parents, *set(TaskStatus) - FINAL)}]))

    @precondition(lambda self: len(self.model.lives) < 25)
    @rule(
        tasks=st.lists(
            st.tuples(forms, st.sets(st.integers(0, 3)), st.lists(numbers, max_size=1)), min_size=2, max_size=5
        )
    )
    def submit_list(self, tasks: list[tuple[dict[str, Any], set[int], list[int]]]) -> None:
        self.do(
            actions.submit(
                [
                    form | {"depends_on": [*(each for each in before if each < place), *self.pick(others, *TaskStatus)]}
                    for place, (form, before, others) in enumerate(tasks)
                ]
            )
        )

    @rule(number=numbers, undo=st.booleans())
    def copy(self, number: int, undo: bool) -> None:
        for each in self.pick([number], S.COMPLETED):
            self.do(actions.compensate(each) if undo else actions.clone(each))

    # --- The coordinator ----------------------------------------------------------------------------------------------

    @rule(some=some, queue=queues)
    def enqueue(self, some: list[int], queue: str) -> None:
        self.do(actions.enqueue(self.not_parked(self.pick(some, S.PENDING)), queue, self.leader))

    @rule(some=some, lost=st.booleans())
    def return_queued(self, some: list[int], lost: bool) -> None:
        self.do(actions.return_queued(self.pick(some, S.QUEUED), lost, self.leader))

    @rule(some=some)
    def lose(self, some: list[int]) -> None:
        self.let_leases_expire(self.pick(some, S.PROCESSING))
        self.do(actions.lose_expired(self.leader))

    @rule(duty=st.sampled_from(["promote", "promote", "park", "unpark", "abandon"]), queue=queues)
    def do_duty(self, duty: str, queue: str) -> None:
        if duty == "promote":
            self.do(actions.promote(self.leader))
        else:
            known = ["sample.echo"] if duty == "unpark" else KNOWN
            self.do(getattr(actions, duty)(queue, known, self.leader))

    @rule()
    def a_new_leader(self) -> None:
        self.term += 1
        lead(self.term)

    @precondition(lambda self: self.term > 1)
    @rule(some=some)
    def an_old_leader_moves_nothing(self, some: list[int]) -> None:
        old = self.leader | {"term": self.term - 1}
        queued, pending = self.pick(some, S.QUEUED), self.pick(some, S.PENDING)
        moves = [
            actions.promote(old),
            *(actions.enqueue(pending, queue, old) for queue in QUEUES),
            actions.return_queued(queued, True, old),
            actions.lose_expired(old),
            *(make(queue, KNOWN, old) for queue in QUEUES for make in (actions.park, actions.abandon)),
            *(actions.unpark(queue, ["sample.echo"], old) for queue in QUEUES),
            Action("return paused", lambda: return_paused(**old), lambda model, _: 0),
        ]
        for move in moves:
            assert not move.real(), move.name
        self.compare()

    @rule(limit=st.integers(1, 3))
    def settle_a_part(self, limit: int) -> None:
        self.do(Action("settle", lambda: settle_rest(limit=limit) >= 0, lambda model, _: True))

    @rule()
    def settle_all(self) -> None:
        """Nothing is left unsettled, whatever is told in each turn."""
        for _ in range(200):
            if not any(life.unsettled for life in self.model.lives.values()):
                return
            self.settle_a_part(limit=3)
        raise AssertionError("it does not come to an end")

    @rule()
    def repair(self) -> None:
        found = family.overlooked(self.model.lives)
        for each in found:
            self.model.lives[each].unsettled = True
        self.do(Action("repair", repair_blocked, lambda model, _: len(found)), repaired=found)
        for each in found:
            self.model.lives[each].unsettled = False

    # --- People -------------------------------------------------------------------------------------------------------

    @rule(some=some)
    def cancel(self, some: list[int]) -> None:
        self.do(actions.cancel(self.pick(some, *set(TaskStatus) - FINAL)))

    @rule(some=some, spread=st.booleans(), patch=st.booleans())
    def retry(self, some: list[int], spread: bool, patch: bool) -> None:
        ids = self.pick(some, S.FAILED)
        change = {"step": self.steps} if patch else None
        self.do(actions.retry(ids, spread=spread, patch=change))

    @rule(some=some, discards=st.booleans())
    def decide_on_letters(self, some: list[int], discards: bool) -> None:
        ids = self.pick(some, S.FAILED)
        self.do(actions.discard(ids) if discards else actions.reprocess(ids))

    @rule(some=some, priority=st.none() | st.integers(0, 9))
    def change_several(self, some: list[int], priority: int | None) -> None:
        if priority is None:
            self.do(actions.run_now(self.pick(some, S.SCHEDULED, S.RETRYING)))
        else:
            self.do(actions.change_priority(self.pick(some, S.QUEUED, S.PENDING), priority))

    @rule(number=numbers, values=edits)
    def edit(self, number: int, values: dict[str, Any]) -> None:
        for each in self.pick([number], S.BLOCKED, S.PENDING, S.QUEUED, S.SCHEDULED, S.RETRYING):
            self.do(actions.edit(each, values))

    @rule(queue=queues)
    def pause_and_resume(self, queue: str) -> None:
        self.do(actions.resume(queue) if queue in self.model.paused else actions.pause(queue))

    # --- Time ---------------------------------------------------------------------------------------------------------

    @rule(some=some)
    def time_comes(self, some: list[int]) -> None:
        ids = self.pick(some, S.SCHEDULED, S.RETRYING, S.BLOCKED, S.PENDING)
        self.move_back(ids, "run_at")
        for life in self.lives(ids):
            life.when = When.LONG_AGO

    @rule(some=st.lists(numbers, max_size=8))
    def remove_what_is_old(self, some: list[int]) -> None:
        self.grow_old(self.pick(some, S.COMPLETED, S.CANCELLED))
        self.do(actions.remove_old())

    def grow_old(self, ids: list[uuid.UUID]) -> None:
        old = [life for life in self.lives(ids) if life.status in FINAL]
        self.move_back([life.id for life in old], "finished_at")
        for life in old:
            life.is_old = True

    def let_leases_expire(self, ids: list[uuid.UUID]) -> None:
        held = [life for life in self.lives(ids) if life.status == S.PROCESSING]
        self.move_back([life.id for life in held], "lease_expires_at")
        for life in held:
            life.is_expired = True

    def not_parked(self, ids: list[uuid.UUID]) -> list[uuid.UUID]:
        """The dispatcher passes over what is parked."""
        return [each for each in ids if each not in self.model.lives or not self.model.lives[each].parked]
