"""The machine's frame: it runs an action on one of several connections, or two at once, and holds rows to the model."""

import copy
import uuid
from collections.abc import Iterable
from concurrent.futures import Executor
from datetime import timedelta
from typing import Any, ClassVar

from hypothesis.stateful import RuleBasedStateMachine

from tasks import database
from tasks.leadership import COORDINATOR
from tasks.models import DeadLetter, Queue, Task, TaskAttempt, TaskDependency, TaskEvent
from tasks.states import TaskStatus
from tasks.transitions.settling import SETTLED_AT_ONCE, settle
from tests.tasks.rows import HOLDER, STRANGER, lead
from tests.tasks.threads import together
from tests.tasks.transitions.machine import checks, family
from tests.tasks.transitions.machine.actions import Action
from tests.tasks.transitions.machine.life import LONG, Life, Pictures, read_rows
from tests.tasks.transitions.machine.model import Ids, Model

QUEUES = ("default", "http")
HOLDERS = (HOLDER, STRANGER)


class Frame(RuleBasedStateMachine):
    """`settled_at_once` dependents are told by one transaction; the rest is left to `settle_rest`."""

    connections: ClassVar[list[Executor]] = []  # threads, each with one of its own

    def __init__(self) -> None:
        super().__init__()
        for model in (TaskDependency, TaskAttempt, TaskEvent, DeadLetter, Task, Queue):
            # Past the ORM, which protects what other rows link to.
            database.run(f"DELETE FROM {model._meta.db_table}")
        Queue.objects.bulk_create([Queue(name=name) for name in QUEUES])
        self.model, self.seen = Model(), Pictures()
        self.settled_at_once = SETTLED_AT_ONCE
        self.term, self.steps = 1, 0
        lead(self.term)

    def teardown(self) -> None:
        self.tell_at_once(SETTLED_AT_ONCE)

    def tell_at_once(self, budget: int) -> None:
        self.settled_at_once = budget
        settle.__kwdefaults__ = {"budget": budget}

    @property
    def leader(self) -> dict[str, Any]:
        return {"role": COORDINATOR, "term": self.term}

    # --- Choosing -----------------------------------------------------------------------------------------------------

    def pick(self, numbers: Iterable[int], *statuses: TaskStatus) -> Ids:
        """Returns tasks for the numbers: small ones mean tasks in these statuses, great ones any that ever was."""
        fitting = [life.id for life in self.model.lives.values() if life.status in statuses]
        every = [*self.model.lives, *self.model.removed]
        found = [
            fitting[number % len(fitting)] if number < FITTING and fitting else every[number % len(every)]
            for number in numbers
            if every
        ]
        return list(dict.fromkeys(found))

    def lives(self, ids: Ids) -> list[Life]:
        return self.model.some(ids)

    # --- Doing --------------------------------------------------------------------------------------------------------

    def do(self, action: Action, repaired: Iterable[uuid.UUID] = ()) -> Any:
        """Does it on the next connection, and compares its answer and every row with the model's."""
        self.steps += 1
        answer = self.connections[self.steps % len(self.connections)].submit(action.real).result(timeout=60)
        expected = action.model(self.model, answer)
        assert answer == expected, f"{action.name}: it said {answer}, and the model {expected}"
        self.compare(repaired)
        return answer

    def do_both(self, first: Action, second: Action) -> None:
        """Does both at the same moment: what comes of it is what comes of one order or the other."""
        answers = together(first.real, second.real)
        again = [action for action in (first, second) if action.again]
        for action in again:
            action.real()
        seen, failures = read_rows(), []
        checks.assert_sound(seen, self.seen)
        pairs = list(zip((first, second), answers, strict=True))
        for order in (pairs, pairs[::-1]):
            model = copy.deepcopy(self.model)
            try:
                for action, answer in order:
                    expected = action.model(model, answer)
                    assert action.again or answer == expected, f"{action.name}: {answer}, not {expected}"
                    family.settle(model.lives)
                for action in again:
                    action.model(model, None)
                    family.settle(model.lives)
                checks.assert_same(seen, model)
            except AssertionError as error:
                failures.append(f"{[action.name for action, _ in order]}: {error}")
            else:
                self.model, self.seen = model, seen
                return
        raise AssertionError("neither order explains it:\n" + "\n".join(failures))

    def compare(self, repaired: Iterable[uuid.UUID] = ()) -> None:
        seen = read_rows()
        if self.settled_at_once == SETTLED_AT_ONCE:
            family.settle(self.model.lives)
        else:
            family.settle_as_seen(self.model.lives, seen, repaired)
        checks.assert_same(seen, self.model)
        checks.assert_sound(seen, self.seen)
        self.seen = seen

    def move_back(self, ids: Ids, column: str) -> None:
        """Lets a time lie long ago, which is quicker than waiting for it."""
        Task.objects.filter(id__in=ids).update(**{column: database.now() - timedelta(seconds=LONG)})


FITTING = 12  # of the numbers up to MOST
MOST = 15
