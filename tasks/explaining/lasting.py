"""What holds a task back until somebody does something: each returns an explanation, or None where it is not so.

In the order in which the dispatcher comes to it: who leads, whether the queue exists, who serves it and knows the type,
whether the broker answers, whether the queue is paused.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.conf import settings

from tasks.explaining.explanation import Cause, Explanation, Remedy
from tasks.explaining.situation import Situation
from tasks.masking import masked_text
from tasks.states import TaskStatus
from tasks.wording import quoted, since, span, stamp

Check = Callable[[Situation], Explanation | None]


def no_leader(situation: Situation) -> Explanation | None:
    if situation.is_led:
        return None
    leader = situation.leader
    ended = leader.expires_at if leader else None
    if leader is None or not leader.term:
        words = "No coordinator has ever led here"
    elif ended is None:
        words = f"No coordinator leads: the last one, {leader.holder}, has stopped"
    else:
        words = f"No coordinator leads since {stamp(ended)} ({since(ended, situation.now)})"
    return Explanation(
        Cause.NO_LEADER,
        f"{words}: nothing is dispatched until one does.",
        {"last_leader": leader.holder if leader else None, "since": ended},
        Remedy("Start a coordinator: manage.py coordinator"),
    )


def no_queue(situation: Situation) -> Explanation | None:
    if situation.queue is not None:
        return None
    task = situation.task
    return Explanation(
        Cause.NO_QUEUE,
        f"There is no queue {quoted(task.queue)}: nothing looks at what is in it.",
        {"queue": task.queue},
        Remedy("Move it to another queue", "task", "edit", str(task.pk)),
    )


def nobody_serves_it(situation: Situation) -> Explanation | None:
    if situation.line is not None:
        return None
    return _unknown_type(situation) if situation.lines else _no_worker(situation)


def _no_worker(situation: Situation) -> Explanation:
    queue, last = situation.task.queue, situation.last_worker
    if last is None:
        said = "none ever did"
    else:
        at = last.stopped_at or last.heartbeat_at
        said = f"the last one, {last.name}, {'was stopped' if last.stopped_at else 'was last heard of'} "
        said += since(at, situation.now)
    parked = "; it is set aside meanwhile" if situation.task.parked else ""
    return Explanation(
        Cause.NO_WORKER,
        f"No worker listens on the queue {queue}: {said}{parked}.",
        {
            "queue": queue,
            "last_worker": last.name if last else None,
            "last_heard_of": last.heartbeat_at if last else None,
        },
        Remedy("Start a worker that listens on it", "worker"),
    )


def _unknown_type(situation: Situation) -> Explanation:
    task, parked_at = situation.task, situation.task.parked_at
    grace = float(settings.UNKNOWN_TYPE_GRACE_SECONDS)
    gives_up_at = None
    if task.parked and parked_at is not None:
        gives_up_at = parked_at + timedelta(seconds=grace)
        said = f"it is parked since {stamp(parked_at)} ({since(parked_at, situation.now)}), and given up"
        said += f" at {stamp(gives_up_at)} unless one comes"
    else:
        said = f"it is set aside when its turn comes, and given up {span(grace)} later unless one comes"
    elsewhere = situation.knowing_elsewhere
    known = f" {elsewhere[0]} knows it, but does not listen there." if elsewhere else ""
    return Explanation(
        Cause.UNKNOWN_TYPE,
        f"No online worker of the queue {task.queue} knows the type {quoted(task.type)}: {said}.{known}",
        {
            "type": task.type,
            "queue": task.queue,
            "parked_at": parked_at if task.parked else None,
            "gives_up_at": gives_up_at,
            "known_by": elsewhere[:10],
        },
        Remedy("Move it to a queue of theirs", "task", "edit", str(task.pk))
        if elsewhere
        else Remedy("Start workers of a release that has this type", "worker"),
    )


def broker_away(situation: Situation) -> Explanation | None:
    leader = situation.leader
    if leader is None or not situation.is_led or not leader.broker_error:
        return None
    reason = masked_text(leader.broker_error)
    return Explanation(
        Cause.BROKER,
        f"The coordinator cannot reach the broker: {' '.join(reason.split()).rstrip('.')}.",
        {"broker_error": reason, "coordinator": leader.holder},
        Remedy("Start the broker again, or mend BROKER_URL: it is tried each 5 s at the latest"),
    )


def paused(situation: Situation) -> Explanation | None:
    queue = situation.queue
    if queue is None or not queue.paused:
        return None
    said = f"The queue {queue.name} is paused"
    if queue.paused_by:
        said += f" by {quoted(queue.paused_by.get_username())[1:-1]}"
    if queue.paused_at:
        said += f" since {stamp(queue.paused_at)} ({since(queue.paused_at, situation.now)})"
    reason = quoted(queue.pause_reason, 200)[1:-1].rstrip(".")
    return Explanation(
        Cause.PAUSED,
        f"{said}: {reason}." if reason else f"{said}; no reason was given.",
        {
            "queue": queue.name,
            "since": queue.paused_at,
            "by": queue.paused_by.get_username() if queue.paused_by else None,
            "reason": queue.pause_reason or None,
        },
        Remedy("Resume the queue", "queue", "resume", queue.name),
    )


IN_ORDER: tuple[Check, ...] = (no_leader, no_queue, nobody_serves_it, broker_away, paused)
# A message is with the broker: who takes it asks the queue, and no coordinator.
OF_QUEUED: tuple[Check, ...] = (nobody_serves_it, broker_away, paused)


def lasting_holds(situation: Situation) -> Iterator[Explanation]:
    """Yields all that holds the task back until somebody does something, what comes first first."""
    for check in OF_QUEUED if situation.task.status == TaskStatus.QUEUED else IN_ORDER:
        found = check(situation)
        if found is not None:
            yield found
