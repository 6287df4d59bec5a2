"""Queues: their rows, pausing and limits."""

from enum import Enum
from typing import Any

from tasks import auditing, database, registry, transitions
from tasks.exceptions import InvalidSubmission, QueueMissing
from tasks.leadership import COORDINATOR
from tasks.models import Queue
from tasks.models.queue import DEFAULT_QUEUES
from tasks.versions import check_version


class Unchanged(Enum):
    """What is left out stays."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED
MOST_PER_SECOND, MOST_AT_ONCE = 100_000.0, 1_000_000
LEAST_PER_SECOND = 0.001
LONGEST_DESCRIPTION = 200


def make_missing_queues() -> None:
    """Makes the rows of the standard queues and of those that installed types name. A worker has to listen to each."""
    names = {*DEFAULT_QUEUES, *(handler.queue for handler in registry.handlers())}
    Queue.objects.bulk_create([Queue(name=name) for name in sorted(names)], ignore_conflicts=True)


def pause_queue(name: str, *, actor: Any = None, reason: str = "") -> Queue:
    """Starts nothing more of the queue: not by dispatch, and not by messages that are with the broker already.

    What is processing goes on. Pausing a paused queue changes nothing. Raises QueueMissing.
    """
    with database.one_transaction():
        paused = Queue.objects.filter(name=name, paused=False).update(
            paused=True, paused_at=database.now(), paused_by_id=getattr(actor, "pk", None), pause_reason=reason[:200]
        )
        if paused:
            transitions.return_of_queue(name)
            _note("pause", name, actor, reason, {"paused": False}, {"paused": True})
    return _queue(name)


def resume_queue(name: str, *, actor: Any = None, reason: str = "") -> Queue:
    """Lets the queue go on. Raises QueueMissing."""
    with database.one_transaction():
        paused = Queue.objects.filter(name=name, paused=True)
        before = paused.values("paused", "paused_at", "pause_reason", "paused_by__username").first()
        if paused.update(paused=False, paused_at=None, paused_by_id=None, pause_reason=""):
            _note("resume", name, actor, reason, before, {"paused": False})
        database.notify_if_idle(COORDINATOR)
    return _queue(name)


def limit_queue(
    name: str,
    *,
    rate_limit: float | Unchanged | None = UNCHANGED,
    concurrency_limit: int | Unchanged | None = UNCHANGED,
    actor: Any = None,
    reason: str = "",
    version: str | None = None,
) -> Queue:
    """Sets how many tasks a second are started and how many run at once, on all workers together; None is no limit.

    What is left out stays. Raises QueueMissing, InvalidSubmission for limits that are none, or EditedMeanwhile where
    the queue is not of this version (`tasks.versions`) any more.
    """
    errors = []
    if isinstance(rate_limit, float | int) and not LEAST_PER_SECOND <= rate_limit <= MOST_PER_SECOND:
        detail = f"give tasks a second, from {LEAST_PER_SECOND} to {MOST_PER_SECOND:,.0f}"
        errors.append({"code": "out_of_range", "detail": detail, "attr": "rate_limit"})
    if isinstance(concurrency_limit, int) and not 1 <= concurrency_limit <= MOST_AT_ONCE:
        detail = f"give a number of tasks, from 1 to {MOST_AT_ONCE:,}; to start none, pause the queue"
        errors.append({"code": "out_of_range", "detail": detail, "attr": "concurrency_limit"})
    if errors:
        raise InvalidSubmission(errors)
    with database.one_transaction():
        queue = Queue.objects.select_for_update().filter(name=name).first()
        if queue is None:
            raise QueueMissing(name)
        check_version(queue, version)
        given = {"rate_limit": rate_limit, "concurrency_limit": concurrency_limit}
        limits = {name: value for name, value in given.items() if not isinstance(value, Unchanged)}
        before, after = auditing.differences({each: getattr(queue, each) for each in limits}, limits)
        if after:
            Queue.objects.filter(name=name).update(**after)
            _note("limit", name, actor, reason, before, after)
        transitions.return_of_queue(name)  # what was sent under the old limits is sent again under the new ones
        database.notify_if_idle(COORDINATOR)
    return _queue(name)


def describe_queue(
    name: str, *, description: str, actor: Any = None, reason: str = "", version: str | None = None
) -> Queue:
    """Says what the queue is for. Raises QueueMissing, InvalidSubmission or EditedMeanwhile."""
    if len(description) > LONGEST_DESCRIPTION:
        detail = f"at most {LONGEST_DESCRIPTION} characters"
        raise InvalidSubmission([{"code": "too_long", "detail": detail, "attr": "description"}])
    with database.one_transaction():
        queue = Queue.objects.select_for_update().filter(name=name).first()
        if queue is None:
            raise QueueMissing(name)
        check_version(queue, version)
        if description != queue.description:
            Queue.objects.filter(name=name).update(description=description)
            before = {"description": queue.description}
            _note("describe", name, actor, reason, before, {"description": description})
    return _queue(name)


def _note(verb: str, name: str, actor: Any, reason: str, before: Any, after: dict[str, Any]) -> None:
    auditing.record(verb=verb, kind="queue", target=name, actor=actor, reason=reason, before=before, after=after)


def _queue(name: str) -> Queue:
    queue = Queue.objects.filter(name=name).first()
    if queue is None:
        raise QueueMissing(name)
    return queue
