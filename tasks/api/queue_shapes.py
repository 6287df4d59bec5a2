"""What the API shows of queues and of all of them together."""

from collections.abc import Iterable
from typing import Any

from tasks import database, machinery
from tasks.api.queue_answers import (
    CoordinatorShape,
    FiguresShape,
    OverloadedShape,
    PauseShape,
    PendingCountShape,
    QueueShape,
    ReasonShape,
    StatusShape,
    VerdictShape,
)
from tasks.api.shapes import name_of
from tasks.models import Queue
from tasks.overload import Reason, Rule, states_of
from tasks.queue_figures import Picture, QueueFigures
from tasks.states import TaskStatus, WorkerState


def queue_shape(queue: Queue, figures: QueueFigures) -> QueueShape:
    return {
        "name": queue.name,
        "description": queue.description,
        "states": [{"state": state.value, "reason": reason or None} for state, reason in states_of(queue, figures)],
        "paused": queue.paused,
        "paused_at": queue.paused_at,
        "paused_by": name_of(queue.paused_by),
        "pause_reason": queue.pause_reason or None,
        "pause": pause_shape(queue, figures),
        "rate_limit": queue.rate_limit,
        "concurrency_limit": queue.concurrency_limit,
        **figures_shape(figures),
    }


def pause_shape(queue: Queue, figures: QueueFigures) -> PauseShape | None:
    """What a pause has brought so far. A claim asks the queue's row, so that it is in force there from its commit."""
    if not queue.paused:
        return None
    return {
        "in_force_at_dispatch": figures.sent == 0,
        "in_force_at_claim": True,
        "still_with_the_broker": figures.sent,
        "still_running": figures.running,
    }


def figures_shape(figures: QueueFigures) -> FiguresShape:
    return {
        "counts": dict(figures.counts),
        "at_least": sorted(figures.at_least),
        "depth": figures.depth,
        "depth_is_capped": figures.depth_is_capped,
        "oldest_seconds": _rounded(figures.oldest_seconds),
        "in_per_second": _rounded(figures.in_per_second),
        "out_per_second": _rounded(figures.out_per_second),
        "drain_seconds": _rounded(figures.drain_seconds),
        "never_drains": figures.never_drains,
        "under_way": figures.under_way,
        "processes": figures.listening,
    }


def verdict_shape(figures: QueueFigures, reasons: Iterable[Reason]) -> VerdictShape:
    found: list[ReasonShape] = [{"code": reason.code, "detail": reason.words} for reason in reasons]
    return {"overloaded": bool(found), "reasons": found, **figures_shape(figures)}


def status_shape(picture: Picture) -> StatusShape:
    workers = machinery.workers_by_state(database.now())
    return {
        "coordinator": coordinator_shape(machinery.coordinator()),
        "workers": {
            "alive": len(workers[WorkerState.ALIVE]),
            "suspected": len(workers[WorkerState.SUSPECTED]),
            "gone": len(workers[WorkerState.GONE]),
            "stopped": len(workers[WorkerState.STOPPED]),
            "processes": picture.whole.listening,
        },
        "in_all": figures_shape(picture.whole),
        "queues": [queue_shape(*each) for each in zip(picture.queues, picture.figures, strict=True)],
    }


def overloaded_shape(picture: Picture) -> OverloadedShape:
    rule = Rule.of_settings()
    queues: Any = [
        {"name": queue.name, "paused": queue.paused, **verdict_shape(figures, rule.reasons(queue, figures))}
        for queue, figures in zip(picture.queues, picture.figures, strict=True)
    ]
    in_all = verdict_shape(picture.whole, rule.reasons_in_all(picture.whole))
    return {
        "overloaded": in_all["overloaded"] or any(each["overloaded"] for each in queues),
        "rule": {
            "depth": rule.depth,
            "depth_in_all": rule.depth_in_all,
            "oldest_seconds": rule.oldest_seconds,
            "drain_seconds": rule.drain_seconds,
            "in_words": rule.in_words(),
        },
        "in_all": in_all,
        "queues": queues,
    }


def coordinator_shape(coordinator: machinery.Coordinator) -> CoordinatorShape:
    return {
        "leading": coordinator.is_leading,
        "holder": coordinator.holder or None,
        "term": coordinator.term,
        "broker_answers": coordinator.broker_answers,
        "broker_error": (coordinator.broker_error or None) if coordinator.is_leading else None,
    }


def pending_shape(figures: Iterable[QueueFigures], whole: QueueFigures) -> PendingCountShape:
    pending = TaskStatus.PENDING
    return {
        "count": whole.counts[pending],
        "count_is_capped": pending in whole.at_least,
        "depth": whole.depth,
        "depth_is_capped": whole.depth_is_capped,
        "by_queue": {
            each.name: {"count": each.counts[pending], "count_is_capped": pending in each.at_least, "depth": each.depth}
            for each in figures
        },
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
