"""The dictionary model of tasks' lives: each move as one would tell it, without locks, sets or SQL.

A move returns what the real one has to report.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tasks.states import DEAD, FINAL, WAITING, EventKind, OnDependencyFailure, Outcome, Resolution, TaskStatus
from tests.tasks.transitions.machine import family
from tests.tasks.transitions.machine.life import Life, When

S = TaskStatus
MAX_LOSSES = 2
CANCELLABLE = WAITING | {S.QUEUED}

Ids = list[uuid.UUID]


@dataclass
class Model:
    lives: dict[uuid.UUID, Life] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    removed: Ids = field(default_factory=list)

    def some(self, ids: Iterable[uuid.UUID]) -> list[Life]:
        """Returns those that exist, each once."""
        return [self.lives[each] for each in dict.fromkeys(ids) if each in self.lives]

    # --- The coordinator ----------------------------------------------------------------------------------------------

    def promote(self) -> int:
        due = [x for x in self.lives.values() if x.status in (S.SCHEDULED, S.RETRYING) and x.when != When.AHEAD]
        for life in due:
            life.status = S.PENDING
        return len(due)

    def enqueue(self, ids: Ids, queue: str) -> set[uuid.UUID]:
        moved = [x for x in self.some(ids) if x.status == S.PENDING and x.queue == queue and queue not in self.paused]
        for life in moved:
            life.status = S.QUEUED
        return {life.id for life in moved}

    def return_queued(self, ids: Ids, lost: bool) -> set[uuid.UUID]:
        moved = [life for life in self.some(ids) if life.status == S.QUEUED]
        for life in moved:
            life.status = S.PENDING
            if lost:
                life.suspect = life.suspect or life.returns >= 1
                life.returns += 1
                life.events[EventKind.RETURNED] += 1
        return {life.id for life in moved}

    def lose_expired(self) -> dict[uuid.UUID, str]:
        lost = [life for life in self.lives.values() if life.status == S.PROCESSING and life.is_expired]
        for life in lost:
            life.losses += life.alone
            kills = life.alone and life.losses >= MAX_LOSSES
            life.status = S.CANCELLED if life.asked else S.FAILED if kills else S.PENDING
            life.attempts[life.attempt] = Outcome.LOST, _holder(life)
            life.letters[""] += life.status == S.FAILED
            life.uncounted += 1
            life.suspect, life.alone, life.is_expired = True, False, False
            life.unsettled = life.has_dependents and life.status in FINAL
        return {life.id: str(life.status) for life in lost}

    def park(self, queue: str, known: list[str]) -> int:
        found = [x for x in self.lives.values() if x.status == S.PENDING and not x.parked and x.queue == queue]
        found = [life for life in found if life.type not in known]
        for life in found:
            life.parked = True
            life.events[EventKind.PARKED] += 1
        return len(found)

    def unpark(self, queue: str, known: list[str]) -> int:
        found = [x for x in self.lives.values() if x.parked and x.queue == queue and x.type in known]
        for life in found:
            life.parked = False
        return len(found)

    def abandon(self, queue: str, known: list[str]) -> set[uuid.UUID]:
        parked = [x for x in self.lives.values() if x.parked and x.queue == queue and x.status == S.PENDING]
        found = [life for life in parked if life.type not in known and life.when == When.LONG_AGO]
        for life in found:
            life.status, life.parked, life.unsettled = S.FAILED, False, life.has_dependents
            life.letters[""] += 1
            life.events[EventKind.ABANDONED] += 1
        return {life.id for life in found}

    # --- A worker -----------------------------------------------------------------------------------------------------

    def claim(self, ids: Ids, queue: str, holder: uuid.UUID, alone: bool) -> list[tuple[uuid.UUID, int, int]]:
        free = [x for x in self.some(ids) if x.status == S.QUEUED and x.queue == queue and queue not in self.paused]
        for life in free:
            life.status, life.holder, life.alone, life.is_expired = S.PROCESSING, holder, alone, False
            life.attempt += 1
        return [(life.id, life.attempt, life.failures - 1) for life in free]

    def holds(self, pair: tuple[uuid.UUID, int], holder: uuid.UUID) -> Life | None:
        life = self.lives.get(pair[0])
        if life and life.status == S.PROCESSING and (life.attempt, life.holder) == (pair[1], holder):
            return life
        return None

    def renew(self, pairs: list[tuple[uuid.UUID, int]], holder: uuid.UUID) -> dict[tuple[uuid.UUID, int], bool]:
        held = {pair: life for pair in pairs if (life := self.holds(pair, holder))}
        for life in held.values():
            life.is_expired = False
        return {pair: life.asked for pair, life in held.items()}

    def finish(
        self, ends: dict[tuple[uuid.UUID, int], tuple[S, Outcome, When]], holder: uuid.UUID
    ) -> tuple[set[tuple[uuid.UUID, int]], set[tuple[uuid.UUID, int]]]:
        """Returns what moved, now or before, and what was refused."""
        moved, refused = set[tuple[uuid.UUID, int]](), set[tuple[uuid.UUID, int]]()
        for pair in ends:
            if self.holds(pair, holder):
                moved.add(pair)
            else:
                life = self.lives.get(pair[0])
                outcome, who = life.attempts.get(pair[1], (Outcome.LOST, None)) if life else (Outcome.LOST, None)
                (moved if outcome != Outcome.LOST and who == holder else refused).add(pair)
        for pair, (status, outcome, when) in ends.items():
            if (life := self.holds(pair, holder)) is None:
                continue
            life.status = S.CANCELLED if life.asked and status in (S.RETRYING, S.PENDING) else status
            life.when = when if status == S.RETRYING else life.when
            life.attempts[life.attempt] = outcome, holder
            life.uncounted += outcome == Outcome.RELEASED
            life.letters[""] += life.status == S.FAILED
            life.alone = False
            life.unsettled = life.has_dependents and life.status in FINAL
        for life in self.some(task for task, _ in refused):
            life.events[EventKind.REFUSED] += 1
        return moved, refused

    # --- People -------------------------------------------------------------------------------------------------------

    def cancel(self, ids: Ids) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
        """Returns what is cancelled, and what is asked for."""
        done, requested = set(), set()
        for life in self.some(ids):
            if life.status in FINAL:
                continue
            life.asked = True
            life.events[EventKind.CANCELLED] += 1
            if life.status == S.PROCESSING:
                requested.add(life.id)
            else:
                life.status, life.unsettled, life.parked = S.CANCELLED, life.has_dependents, False
                done.add(life.id)
        return done, requested

    def retry(self, ids: Ids, *, spread: bool, patched: bool) -> set[uuid.UUID]:
        back = [life for life in self.some(ids) if life.status == S.FAILED and not life.unmet]
        for life in back:
            life.status, life.when = (S.SCHEDULED, When.AHEAD) if spread else (S.PENDING, When.NOW)
            life.max_attempts = life.failures + life.budget
            life.losses = life.returns = 0
            life.asked = life.unsettled = life.parked = life.is_old = False
            life.letters[Resolution.REPROCESSED] += life.letters.pop("", 0)
            life.events[EventKind.REVIVED] += 1
            life.events[EventKind.EDITED] += patched
        family.reblock(self.lives, [life.id for life in back])
        return {life.id for life in back}

    def reprocess(self, ids: Ids) -> set[uuid.UUID]:
        return self.retry([x.id for x in self.some(ids) if x.letters[""]], spread=False, patched=False)

    def discard(self, ids: Ids) -> int:
        found = [life for life in self.some(ids) if life.letters[""]]
        for life in found:
            life.letters[Resolution.DISCARDED] += life.letters.pop("")
            life.events[EventKind.DISCARDED] += 1
        return len(found)

    def hurry(self, ids: Ids) -> set[uuid.UUID]:
        moved = [life for life in self.some(ids) if life.status in (S.SCHEDULED, S.RETRYING)]
        for life in moved:
            life.status, life.when = S.PENDING, When.NOW
            life.events[EventKind.HURRIED] += 1
        return {life.id for life in moved}

    def edit(self, ids: Ids, values: dict[str, Any]) -> set[uuid.UUID]:
        moved = [life for life in self.some(ids) if life.status in CANCELLABLE]
        for life in moved:
            names = {"on_dependency_failure": "policy"}
            plain = {names.get(name, name): value for name, value in values.items() if name != "delay"}
            changed = "delay" in values or any(getattr(life, name) != value for name, value in plain.items())
            for name, value in plain.items():
                setattr(life, name, OnDependencyFailure(value) if name == "policy" else value)
            life.budget = plain.get("max_attempts", life.budget)
            if "delay" in values:
                life.when = When.AHEAD if values["delay"] else When.NOW
            if life.status in (S.QUEUED, S.PENDING):
                life.status = S.SCHEDULED if values.get("delay") else S.PENDING
            life.parked = False
            life.events[EventKind.EDITED] += changed
        return {life.id for life in moved}

    def pause(self, queue: str) -> bool:
        if queue not in self.paused:
            self.return_queued([life.id for life in self.lives.values() if life.queue == queue], lost=False)
        self.paused.add(queue)
        return True

    def resume(self, queue: str) -> bool:
        self.paused.discard(queue)
        return False

    def remove_old(self) -> int:
        awaited = {
            parent
            for life in self.lives.values()
            if life.status in (S.BLOCKED, S.FAILED)
            for parent, met in life.parents.items()
            if not met
        }
        over = [
            x.id for x in self.lives.values() if x.is_old and x.status in FINAL - {S.FAILED} and x.id not in awaited
        ]
        for each in over:
            del self.lives[each]
            self.removed.append(each)
        return len(over)

    # --- Submitting ---------------------------------------------------------------------------------------------------

    def refuses(self, form: dict[str, Any]) -> str:
        """Returns the name of the error that a stored parent of this task makes of its submission, or nothing."""
        parents = [each for each in form.get("depends_on", ()) if isinstance(each, uuid.UUID)]
        if any(each not in self.lives for each in parents):
            return "InvalidSubmission"
        # No retry brings a cancelled parent back: waiting for one would never end.
        hopeless = {OnDependencyFailure.FAIL: DEAD, OnDependencyFailure.WAIT: {S.CANCELLED}}
        policy = OnDependencyFailure(form.get("on_dependency_failure", OnDependencyFailure.FAIL))
        return "DependencyEnded" if any(self.lives[each].status in hopeless.get(policy, ()) for each in parents) else ""

    def submit(self, forms: list[dict[str, Any]], ids: Ids) -> None:
        for form, task in zip(forms, ids, strict=True):
            policy = OnDependencyFailure(form.get("on_dependency_failure", OnDependencyFailure.FAIL))
            parents = {}
            for each in form.get("depends_on", ()):
                parent = each if isinstance(each, uuid.UUID) else ids[each]
                life = self.lives.get(parent) if isinstance(each, uuid.UUID) else None
                status = life.status if life else None
                run_anyway = status in DEAD and policy == OnDependencyFailure.RUN
                parents[parent] = status == S.COMPLETED or run_anyway
                if life and status != S.COMPLETED:
                    life.has_dependents = True
            ahead = bool(form.get("delay"))
            life = Life(
                id=task,
                type=form["type"],
                queue=form.get("queue", "default"),
                priority=form.get("priority", 5),
                status=S.SCHEDULED if ahead else S.PENDING,
                policy=policy,
                when=When.AHEAD if ahead else When.NOW,
                max_attempts=form["max_attempts"],
                budget=form["max_attempts"],
                parents=parents,
                can_be_undone="compensate" in form,
                compensates=form.get("compensates"),
            )
            if life.unmet:
                life.status = S.BLOCKED
            self.lives[task] = life
        for form in forms:
            for each in form.get("depends_on", ()):
                if not isinstance(each, uuid.UUID):
                    self.lives[ids[each]].has_dependents = True


def _holder(life: Life) -> uuid.UUID:
    assert life.holder is not None
    return life.holder
