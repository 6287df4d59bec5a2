"""From a waiting task to why it waits. The order is the dispatcher's own; see `lasting.py` and `passing.py`."""

from django.db.models import Case, When

from tasks.exceptions import IllegalTransition
from tasks.explaining.explanation import Cause, Explanation, Remedy
from tasks.explaining.lasting import lasting_holds
from tasks.explaining.passing import passing_hold
from tasks.explaining.situation import Situation
from tasks.models import Task, TaskDependency
from tasks.states import DEAD, WAITING, OnDependencyFailure, TaskStatus
from tasks.wording import number_of, quoted, since, stamp

PARENTS_SHOWN, PARENTS_NAMED = 30, 3

EXPLAINED = WAITING | {TaskStatus.QUEUED}


def why_not_running(task: Task) -> Explanation:
    """Explains a task that is waiting or queued. Reads rows, in a number of queries that does not grow with them.

    Raises IllegalTransition where the task is processing or has ended.
    """
    if task.status not in EXPLAINED:
        raise IllegalTransition("asked why it is not running", task.status, "it is not waiting")
    situation = Situation(task)
    lasting = list(lasting_holds(situation))
    own = _own_hold(situation)
    if own is not None:
        first, rest = own, lasting
    elif lasting:
        first, *rest = lasting
    else:
        first, rest = _passing(situation), []
    return Explanation(first.cause, first.sentence, first.evidence, first.remedy, tuple(each.sentence for each in rest))


def _own_hold(situation: Situation) -> Explanation | None:
    """What lies in the task itself: its time, and what it waits for."""
    task = situation.task
    if task.status == TaskStatus.BLOCKED:
        return _dependencies(situation)
    is_ahead = task.status in (TaskStatus.SCHEDULED, TaskStatus.RETRYING) and task.run_at > situation.now
    return _due_later(situation) if is_ahead else None


def _passing(situation: Situation) -> Explanation:
    task = situation.task
    if task.status not in (TaskStatus.SCHEDULED, TaskStatus.RETRYING):
        return passing_hold(situation)
    return Explanation(
        Cause.NEXT,
        f"It is due since {stamp(task.run_at)} ({since(task.run_at, situation.now)}): the dispatcher takes it up with"
        " its next turn, within a second.",
        {"due_since": task.run_at},
    )


def _due_later(situation: Situation) -> Explanation:
    task = situation.task
    when = f"{stamp(task.run_at)} ({since(task.run_at, situation.now)})"
    if task.status == TaskStatus.RETRYING:
        sentence = f"Attempt {task.attempt} failed, and attempt {task.attempt + 1} is not due before {when}."
    else:
        sentence = f"It is not due before {when}."
    return Explanation(
        Cause.DUE_LATER, sentence, {"not_before": task.run_at}, Remedy("Run it now", "task", "run-now", str(task.pk))
    )


def _dependencies(situation: Situation) -> Explanation:
    task = situation.task
    edges = TaskDependency.objects.filter(child_id=task.pk, met=False)
    # The dead first: they are what somebody has to look at.
    place = Case(When(status__in=DEAD, then=0), When(status=TaskStatus.COMPLETED, then=2), default=1)
    parents = list(
        Task.objects.filter(dependents__child_id=task.pk, dependents__met=False)
        .only("name", "type", "status", "unmet")
        .order_by(place, "dependents__id")[:PARENTS_SHOWN]
    )
    if not parents or parents[0].status == TaskStatus.COMPLETED:
        return Explanation(
            Cause.DEPENDENCIES,
            "All that it waits for is completed: the coordinator has yet to take note of it, which should take a"
            " second, and ten minutes at the most.",
            {"waits_for_count": 0, "waits_for": []},
        )
    count = edges.count()
    named = ", ".join(f"{quoted(each.name or each.type, 40)} is {each.status}" for each in parents[:PARENTS_NAMED])
    more = count - PARENTS_NAMED
    sentence = f"It waits for {number_of(count, 'task')}: {named}{f' and {more:,} more' if more > 0 else ''}."
    if parents[0].status in DEAD and task.on_dependency_failure == OnDependencyFailure.WAIT:
        sentence += " What is dead holds it until that is retried, or this one is told not to wait."
    return Explanation(
        Cause.DEPENDENCIES,
        sentence,
        {
            "waits_for_count": count,
            "waits_for": [
                {"id": each.pk, "name": each.name, "type": each.type, "status": each.status} for each in parents
            ],
        },
        _remedy(task, parents[0]),
    )


def _remedy(task: Task, parent: Task) -> Remedy:
    name, target = quoted(parent.name or parent.type, 40), str(parent.pk)
    if parent.status == TaskStatus.CANCELLED:
        return Remedy("Let it run all the same", "task", "edit", str(task.pk))
    if parent.status == TaskStatus.FAILED and not parent.unmet:
        return Remedy(f"Retry {name}", "task", "retry", target)
    if parent.status in (TaskStatus.SCHEDULED, TaskStatus.RETRYING):
        return Remedy(f"Run {name} now", "task", "run-now", target)
    return Remedy(f"Look at {name}", "task", "change", target)
