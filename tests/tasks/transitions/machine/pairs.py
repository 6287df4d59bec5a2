"""Rules that do two things at the same moment, where the model allows either order."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tasks.states import TaskStatus
from tasks.transitions.settling import SETTLED_AT_ONCE
from tests.tasks.transitions.machine import actions
from tests.tasks.transitions.machine.actions import Action
from tests.tasks.transitions.machine.life import LONG, Life
from tests.tasks.transitions.machine.machine import HOLDERS
from tests.tasks.transitions.machine.rules import KNOWN, numbers, policies
from tests.tasks.transitions.machine.workers import ENDINGS, WorkersAndPeople, end_of

S = TaskStatus

ANY = ("cancel", "submit below", "clone")
EDITS = ("edit policy", "postpone", "priority")
# What may meet on a task in each status.
MEETING = {
    S.SCHEDULED: (*ANY, *EDITS, "promote", "run now"),
    S.RETRYING: (*ANY, *EDITS, "promote", "run now"),
    S.BLOCKED: (*ANY, *EDITS, "end parent", "retry parent", "cancel parent"),
    S.PENDING: (*ANY, *EDITS, "enqueue", "park"),
    S.QUEUED: (*ANY, *EDITS, "claim", "claim", "return", "return lost"),
    S.PROCESSING: (*ANY, "finish", "finish", "renew", "lose", "lose"),
    S.COMPLETED: (*ANY, "compensate", "compensate", "remove"),
    S.FAILED: (*ANY, "retry", "retry", "reprocess", "discard", "retry parent"),
    S.CANCELLED: (*ANY, "remove"),
}


meetings = st.lists(
    st.tuples(
        st.sampled_from(TaskStatus), numbers, st.sampled_from(ENDINGS), policies, st.integers(0, 99), st.integers(0, 99)
    ),
    min_size=1,
    max_size=5,
)


class Pairs(WorkersAndPeople):
    @precondition(lambda self: self.settled_at_once == SETTLED_AT_ONCE and len(self.model.lives) < 30)
    @rule(meetings=meetings)
    def meet(self, meetings: list[tuple[TaskStatus, int, str, str, int, int]]) -> None:
        for status, number, how, policy, one, other in meetings:
            for life in self.lives(self.pick([number], status)):
                names = [MEETING[life.status][each % len(MEETING[life.status])] for each in (one, other)]
                if "lose" in names:
                    self.let_leases_expire([life.id])
                if "remove" in names:
                    self.grow_old([life.id])
                first, second = (self.action(name, life, how, policy) for name in names)
                self.do_both(first, second)

    @precondition(lambda self: self.settled_at_once == SETTLED_AT_ONCE and len(self.model.lives) < 30)
    @rule(meetings=meetings)
    def meet_again(self, meetings: list[tuple[TaskStatus, int, str, str, int, int]]) -> None:
        """Twice as often as another rule."""
        self.meet(meetings=meetings)

    def action(self, name: str, life: Life, how: str, policy: str) -> Action:
        """Returns what this name does to the task, or to the first parent that it waits for."""
        ids, queue = [life.id], life.queue
        parent = next(iter(self.lives([each for each, met in life.parents.items() if not met])), life)
        below = {"type": KNOWN[0], "max_attempts": 2, "depends_on": ids, "on_dependency_failure": str(policy)}
        makers: dict[str, Callable[[], Action]] = {
            "cancel": lambda: actions.cancel(ids),
            "submit below": lambda: actions.submit([below]),
            "clone": lambda: actions.clone(life.id),
            "edit policy": lambda: actions.edit(life.id, {"on_dependency_failure": str(policy)}),
            "postpone": lambda: actions.edit(life.id, {"delay": LONG * 10}),
            "priority": lambda: actions.change_priority(ids, 9 - life.priority),
            "promote": lambda: actions.promote(self.leader),
            "run now": lambda: actions.run_now(ids),
            "end parent": lambda: self.end(parent, how),
            "retry parent": lambda: actions.retry([parent.id]),
            "cancel parent": lambda: actions.cancel([parent.id]),
            "enqueue": lambda: actions.enqueue(self.not_parked(ids), queue, self.leader),
            "park": lambda: actions.park(queue, KNOWN, self.leader),
            "claim": lambda: actions.claim(ids, queue, HOLDERS[len(how) % 2], False),
            "return": lambda: actions.return_queued(ids, False, self.leader),
            "return lost": lambda: actions.return_queued(ids, True, self.leader),
            "finish": lambda: self.end(life, how),
            "renew": lambda: actions.renew([(life.id, life.attempt)], life.holder or HOLDERS[0]),
            "lose": lambda: actions.lose_expired(self.leader),
            "compensate": lambda: actions.compensate(life.id),
            "remove": actions.remove_old,
            "retry": lambda: actions.retry(ids),
            "reprocess": lambda: actions.reprocess(ids),
            "discard": lambda: actions.discard(ids),
        }
        return makers[name]()

    def end(self, life: Life, how: str) -> Action:
        return actions.finish({(life.id, life.attempt): end_of(life, how)}, life.holder or HOLDERS[0])
