"""What the machine does to the rows, each beside what the model makes of it: two callables whose answers must agree."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tasks import database, services, transitions
from tasks.exceptions import TaskyardError
from tasks.models import DeadLetter, Task
from tasks.services import Report
from tasks.services.retention import remove_finished
from tasks.states import EventKind, FailureCategory, Outcome, TaskStatus
from tasks.transitions import Ending
from tests.tasks.transitions.machine.life import LONG, When
from tests.tasks.transitions.machine.model import MAX_LOSSES, Ids, Model

Pair = tuple[uuid.UUID, int]
Ends = dict[Pair, tuple[TaskStatus, Outcome, When]]


@dataclass
class Action:
    """`real` runs on any connection. `model` gets its answer, for the ids that only the real one can know."""

    name: str
    real: Callable[[], Any]
    model: Callable[[Model, Any], Any]
    again: bool = False  # it passes over what is locked, and does that at its next turn


def _or_error(call: Callable[[], Any]) -> Callable[[], Any]:
    """Returns what the call returns, or the name of the error that it raises."""

    def run() -> Any:
        try:
            return call()
        except TaskyardError as error:
            return type(error).__name__

    return run


# --- The coordinator --------------------------------------------------------------------------------------------------


def promote(leader: dict[str, Any]) -> Action:
    return Action("promote", lambda: transitions.promote_due(**leader), lambda model, _: model.promote(), again=True)


def enqueue(ids: Ids, queue: str, leader: dict[str, Any]) -> Action:
    return Action(
        f"enqueue {queue}",
        lambda: set(transitions.enqueue(ids, queue=queue, **leader)),
        lambda model, _: model.enqueue(ids, queue),
        again=True,
    )


def return_queued(ids: Ids, lost: bool, leader: dict[str, Any]) -> Action:
    return Action(
        f"return lost={lost}",
        lambda: transitions.return_queued(ids, lost=lost, **leader),
        lambda model, _: model.return_queued(ids, lost),
    )


def lose_expired(leader: dict[str, Any]) -> Action:
    return Action(
        "lose",
        lambda: {x.id: str(x.status) for x in transitions.lose_expired(max_losses=MAX_LOSSES, **leader)},
        lambda model, _: model.lose_expired(),
        again=True,
    )


def park(queue: str, known: list[str], leader: dict[str, Any]) -> Action:
    return Action(
        "park",
        lambda: transitions.park_unknown(queue, known, **leader),
        lambda model, _: model.park(queue, known),
        again=True,
    )


def unpark(queue: str, known: list[str], leader: dict[str, Any]) -> Action:
    return Action(
        "unpark", lambda: transitions.unpark_known(queue, known, **leader), lambda model, _: model.unpark(queue, known)
    )


def abandon(queue: str, known: list[str], leader: dict[str, Any]) -> Action:
    return Action(
        "abandon",
        lambda: set(transitions.abandon_parked(queue, known, grace=LONG / 2, **leader)),
        lambda model, _: model.abandon(queue, known),
    )


# --- A worker ---------------------------------------------------------------------------------------------------------


def claim(ids: Ids, queue: str, holder: uuid.UUID, alone: bool) -> Action:
    def real() -> list[tuple[uuid.UUID, int, int]]:
        worker = f"w{holder.int}@test"
        found = transitions.claim(ids, queue=queue, worker=worker, incarnation=holder, lease=LONG, alone=alone)
        return [(each.id, each.attempt, each.failures) for each in found]

    return Action("claim", real, lambda model, _: model.claim(ids, queue, holder, alone))


def renew(pairs: list[Pair], holder: uuid.UUID) -> Action:
    return Action(
        "renew",
        lambda: transitions.renew(pairs, incarnation=holder, lease=LONG),
        lambda model, _: model.renew(pairs, holder),
        again=True,
    )


def finish(ends: Ends, holder: uuid.UUID) -> Action:
    """What another statement has locked is tried again, as a keeper does."""

    def real() -> tuple[set[Pair], set[Pair]]:
        left, moved, refused = dict(ends), set[Pair](), set[Pair]()
        while left:
            result = transitions.finish([_ending(pair, end, holder) for pair, end in left.items()], incarnation=holder)
            assert not result.moved & result.refused
            moved |= result.moved
            refused |= result.refused
            left = {pair: left[pair] for pair in result.locked}
            time.sleep(0.002 if left else 0)
        return moved, refused

    return Action("finish", real, lambda model, _: model.finish(ends, holder))


def _ending(pair: Pair, end: tuple[TaskStatus, Outcome, When], holder: uuid.UUID) -> Ending:
    status, outcome, when = end
    failed = outcome == Outcome.FAILED
    return Ending(
        id=pair[0],
        attempt=pair[1],
        type="sample.noop",
        queue="default",
        worker=f"w{holder.int}@test",
        incarnation=holder,
        status=status,
        outcome=outcome,
        started=time.monotonic(),
        ended=time.monotonic(),
        delay=LONG * 10 if when == When.AHEAD else 0.0,
        category=FailureCategory.CODE_ERROR if failed else "",
        error_class="ValueError" if failed else "",
        message="it broke" if failed else "",
    )


# --- People -----------------------------------------------------------------------------------------------------------


def _done(report: Report) -> set[uuid.UUID]:
    return set(report.done)


def submit(forms: list[dict[str, Any]]) -> Action:
    def real() -> Any:
        return [each.id for each in services.submit_tasks(forms)]

    def model(model: Model, answer: Any) -> Any:
        refusals = {word for form in forms if (word := model.refuses(form))}
        if refusals:
            # Unknown parents are said before dead ones.
            return "InvalidSubmission" if "InvalidSubmission" in refusals else "DependencyEnded"
        assert isinstance(answer, list), f"{answer} where nothing is wrong"
        model.submit(forms, answer)
        return answer

    return Action(f"submit {len(forms)}", _or_error(real), model)


def cancel(ids: Ids) -> Action:
    def real() -> tuple[set[uuid.UUID], set[uuid.UUID]]:
        report = services.cancel_tasks(ids)
        assert set(report.skipped) == set(ids) - set(report.done) - set(report.requested)
        return set(report.done), set(report.requested)

    return Action("cancel", real, lambda model, _: model.cancel(ids))


def retry(ids: Ids, *, spread: bool = False, patch: dict[str, Any] | None = None) -> Action:
    def real() -> set[uuid.UUID]:
        back = _done(services.retry_tasks(ids, spread=LONG if spread else 0.0, patch=patch))
        if spread:  # the drawn times may be of any class
            Task.objects.filter(id__in=back).update(run_at=database.now() + timedelta(seconds=10 * LONG))
        return back

    return Action(
        f"retry spread={spread} patch={bool(patch)}",
        real,
        lambda model, _: model.retry(ids, spread=spread, patched=bool(patch)),
    )


def reprocess(ids: Ids) -> Action:
    return Action(
        "reprocess",
        lambda: _done(services.reprocess_dead_letters(DeadLetter.objects.filter(task_id__in=ids))),
        lambda model, _: model.reprocess(ids),
    )


def discard(ids: Ids) -> Action:
    return Action(
        "discard",
        lambda: len(services.discard_dead_letters(DeadLetter.objects.filter(task_id__in=ids), reason="old").done),
        lambda model, _: model.discard(ids),
    )


def run_now(ids: Ids) -> Action:
    return Action("run now", lambda: _done(services.run_now(ids)), lambda model, _: model.hurry(ids))


def change_priority(ids: Ids, priority: int) -> Action:
    return Action(
        f"priority {priority}",
        lambda: _done(services.change_priority(ids, priority)),
        lambda model, _: model.edit(ids, {"priority": priority}),
    )


def edit(task: uuid.UUID, values: dict[str, Any]) -> Action:
    def real() -> Any:
        return services.edit_task(task, values).id

    def model(model: Model, _: Any) -> Any:
        life = model.lives.get(task)
        if life is None:
            return "TaskMissing"
        if values.get("max_attempts", life.failures + 1) <= life.failures:
            return "InvalidSubmission"
        return task if model.edit([task], values) else "IllegalTransition"

    return Action(f"edit {values}", _or_error(real), model)


def clone(task: uuid.UUID) -> Action:
    def model(model: Model, answer: Any) -> Any:
        life = model.lives.get(task)
        if life is None:
            return "TaskMissing"
        form = {"type": life.type, "queue": life.queue, "priority": life.priority, "max_attempts": life.budget}
        model.submit([form | ({"compensate": {}} if life.can_be_undone else {})], [answer])
        life.events[EventKind.CLONED] += 1
        return answer

    return Action("clone", _or_error(lambda: services.clone_task(task).id), model)


def compensate(task: uuid.UUID) -> Action:
    def model(model: Model, answer: Any) -> Any:
        life = model.lives.get(task)
        if life is None:
            return "TaskMissing"
        if life.status != TaskStatus.COMPLETED:
            return "IllegalTransition"
        if not life.can_be_undone:
            return "NotCompensable"
        if any(x.compensates == task and x.status != TaskStatus.CANCELLED for x in model.lives.values()):
            return "AlreadyCompensated"
        form = {"type": "sample.noop", "priority": life.priority, "max_attempts": 3, "compensates": task}
        model.submit([form], [answer])
        life.events[EventKind.COMPENSATED] += 1
        return answer

    return Action("compensate", _or_error(lambda: services.compensate_task(task).id), model)


def pause(queue: str) -> Action:
    return Action("pause", lambda: services.pause_queue(queue).paused, lambda model, _: model.pause(queue))


def resume(queue: str) -> Action:
    return Action("resume", lambda: services.resume_queue(queue).paused, lambda model, _: model.resume(queue))


def remove_old() -> Action:
    return Action(
        "remove",
        lambda: remove_finished(older_than=LONG / 2, limit=1_000),
        lambda model, _: model.remove_old(),
        again=True,
    )
