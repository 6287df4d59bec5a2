"""The rules by which workers act: they claim, end in sets, freeze and come back; and stories that lead far."""

import uuid

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tasks.states import Outcome, TaskStatus
from tests.tasks.transitions.machine import actions
from tests.tasks.transitions.machine.actions import Ends
from tests.tasks.transitions.machine.life import Life, When
from tests.tasks.transitions.machine.machine import HOLDERS, QUEUES
from tests.tasks.transitions.machine.rules import Rules, holders, numbers, queues, some

S = TaskStatus

ENDINGS = ("completed", "failed", "failed", "dies", "later", "released", "unknown type", "cancelled")
endings = st.lists(
    st.tuples(numbers, st.sampled_from(ENDINGS), st.sampled_from(["now"] * 3 + ["late", "both"])),
    min_size=1, max_size=4, unique_by=lambda each: each[0],
)  # fmt: skip


def end_of(life: Life, how: str) -> tuple[TaskStatus, Outcome, When]:
    if how in ("failed", "later"):
        status = S.RETRYING if life.failures < life.max_attempts else S.FAILED
        return status, Outcome.FAILED, When.AHEAD if how == "later" else When.NOW
    return {
        "completed": (S.COMPLETED, Outcome.COMPLETED, When.NOW),
        "dies": (S.FAILED, Outcome.FAILED, When.NOW),
        "released": (S.PENDING, Outcome.RELEASED, When.NOW),
        "unknown type": (S.RETRYING, Outcome.RELEASED, When.AHEAD),
        "cancelled": (S.CANCELLED, Outcome.CANCELLED, When.NOW),
    }[how]


class WorkersAndPeople(Rules):
    @rule(some=some, queue=queues, holder=holders, alone=st.booleans())
    def claim(self, some: list[int], queue: str, holder: uuid.UUID, alone: bool) -> None:
        self.do(actions.claim(self.pick(some, S.QUEUED), queue, holder, alone))

    @rule(some=some, late=st.booleans(), holder=holders)
    def renew(self, some: list[int], late: bool, holder: uuid.UUID) -> None:
        held = self.lives(self.pick(some, S.PROCESSING))
        self.do(actions.renew([(life.id, life.attempt - late) for life in held], holder))

    @rule(endings=endings, foreign=st.sampled_from([False, False, True]))
    def finish(self, endings: list[tuple[int, str, str]], foreign: bool) -> None:
        """In sets, with those of earlier attempts and of tasks that another process has mixed in."""
        self.make_sure_of_some()
        first = next(iter(self.lives(self.pick([endings[0][0]], S.PROCESSING))), None)
        holder = (first and first.holder) or HOLDERS[0]
        if foreign:
            holder = next(each for each in HOLDERS if each != holder)
        ends: Ends = {}
        for number, how, which in endings:
            for life in self.lives(self.pick([number], S.PROCESSING)):
                if which != "late":
                    ends[life.id, life.attempt] = end_of(life, how)
                if which != "now" and life.attempt > 1:
                    ends[life.id, life.attempt - 1] = end_of(life, "dies" if how == "completed" else "completed")
        if ends:
            self.do(actions.finish(ends, holder))

    @rule(some=some, holder=holders, alone=st.booleans())
    def hold(self, some: list[int], holder: uuid.UUID, alone: bool) -> None:
        """All the way from due to claimed: without it, long stories are rare."""
        ids = self.not_parked(self.pick(some, S.PENDING, S.QUEUED, S.RETRYING))
        self.do(actions.promote(self.leader))
        self.hold_these(ids, holder, alone=alone)

    @rule(some=some, how=st.sampled_from(ENDINGS), late=st.sampled_from(ENDINGS), foreign=st.booleans())
    def wake_a_frozen_process(self, some: list[int], how: str, late: str, foreign: bool) -> None:
        """It tells how attempts ended that it has lost, at times in one set with the next ones, if it has those too."""
        self.make_sure_of_some()
        before = [(life.id, life.attempt, life.holder) for life in self.lives(self.pick(some, S.PROCESSING))]
        self.lose(some)
        ids = [task for task, _, _ in before]
        for holder in HOLDERS:
            ours = [task for task, _, whose in before if (whose == holder) != foreign]
            self.hold_these(ours, holder)
        for holder in HOLDERS:
            ends = {
                (task, number): end_of(self.model.lives[task], late) for task, number, who in before if who == holder
            }
            held = [life for life in self.lives(ids) if life.status == S.PROCESSING and life.holder == holder]
            ends |= {(life.id, life.attempt): end_of(life, how) for life in held}
            if ends:
                self.do(actions.finish(ends, holder))

    @rule(some=some, how=st.sampled_from(ENDINGS), holder=holders, alone=st.booleans())
    def serve(self, some: list[int], how: str, holder: uuid.UUID, alone: bool) -> None:
        """And further to the end."""
        ids = self.not_parked(self.pick(some, S.PENDING, S.QUEUED, S.PROCESSING))
        self.hold_these(ids, holder, alone=alone)
        held = [life for life in self.lives(ids) if life.status == S.PROCESSING]
        for each in HOLDERS:
            if ends := {(life.id, life.attempt): end_of(life, how) for life in held if life.holder == each}:
                self.do(actions.finish(ends, each))

    @rule(number=numbers, again=st.booleans())
    def let_parents_die(self, number: int, again: bool) -> None:
        """All that a task waits for; then one of them may come back."""
        for child in self.lives(self.pick([number], S.BLOCKED)):
            parents = [parent for parent, met in child.parents.items() if not met]
            self.do(actions.run_now(parents))
            self.hold_these(parents, HOLDERS[0])
            held = [life for life in self.lives(parents) if life.status == S.PROCESSING]
            for holder in HOLDERS:
                if ends := {(x.id, x.attempt): end_of(x, "dies") for x in held if x.holder == holder}:
                    self.do(actions.finish(ends, holder))
            if again:
                self.do(actions.retry(parents[:1]))

    def hold_these(self, ids: list[uuid.UUID], holder: uuid.UUID, *, alone: bool = False) -> None:
        ids = self.not_parked(ids)
        for queue in QUEUES:
            self.do(actions.enqueue(ids, queue, self.leader))
            self.do(actions.claim(ids, queue, holder, alone))

    def make_sure_of_some(self) -> None:
        """Where nothing is processing, what could be is claimed first."""
        if not any(life.status == S.PROCESSING for life in self.model.lives.values()):
            waiting = self.pick(range(4), S.SCHEDULED, S.RETRYING)
            self.do(actions.run_now(waiting))
            self.hold_these(self.pick(range(4), S.PENDING), HOLDERS[self.steps % 2])
