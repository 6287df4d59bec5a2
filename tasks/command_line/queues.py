"""Queues: what waits in them, pausing, limits, and whether all of them keep up."""

import argparse
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser

from tasks import queue_figures, services
from tasks.api.answers import Page
from tasks.api.queue_answers import OverloadedShape, QueueShape, StatusShape
from tasks.api.queue_shapes import overloaded_shape, queue_shape, status_shape
from tasks.command_line import colours
from tasks.command_line.calling import Call, Misused, Refused, Verb
from tasks.command_line.parsing import add_reason
from tasks.command_line.printing import Column, Output
from tasks.exceptions import InvalidSubmission, QueueMissing
from tasks.models import Queue
from tasks.queue_figures import PARKED
from tasks.services.queues import UNCHANGED
from tasks.states import TaskStatus
from tasks.wording import number_of, span, stamp


def _shapes(names: list[str] | None = None) -> list[QueueShape]:
    """Returns these queues, or all of them. Raises QueueMissing."""
    rows = Queue.objects.select_related("paused_by").order_by("name")
    found = list(rows if names is None else rows.filter(name__in=names))
    for name in names or ():
        if name not in {queue.name for queue in found}:
            raise QueueMissing(name)
    figures = queue_figures.figures_of(found)
    return [queue_shape(queue, figures[queue.name]) for queue in found]


def _list(call: Call) -> None:
    results = _shapes()
    page: Page[QueueShape] = {
        "count": len(results),
        "count_is_capped": False,
        "next": None,
        "previous": None,
        "results": results,
    }
    call.output.give(page, lambda output, page: output.table(_COLUMNS, page["results"]))


def _deep(queue: Any) -> str:
    return f"{queue['depth']:,}{'+' if queue['depth_is_capped'] else ''}"


def _span(seconds: float | None) -> str:
    return "" if seconds is None else span(seconds)


def _rate(rate: float | None) -> str:
    return "?" if rate is None else f"{rate:.1f}"


def _drain(queue: Any) -> str:
    if not queue["depth"]:
        return ""
    return "never" if queue["never_drains"] else _span(queue["drain_seconds"])


_FIGURES = (
    Column("DEPTH", _deep, side="right"),
    Column("OLDEST", lambda queue: _span(queue["oldest_seconds"]), side="right"),
    Column("IN/S", lambda queue: _rate(queue["in_per_second"]), side="right"),
    Column("OUT/S", lambda queue: _rate(queue["out_per_second"]), side="right"),
    Column("DRAIN", _drain, {"never": "red"}, side="right"),
    Column("BUSY", lambda queue: queue["under_way"], side="right"),
    Column("PROCS", lambda queue: queue["processes"], side="right"),
)
_COLUMNS = (
    Column("QUEUE", lambda queue: queue["name"]),
    Column("IS", lambda queue: queue["states"][0]["state"], colours.QUEUES),
    *_FIGURES,
    Column("WHY", lambda queue: queue["states"][0]["reason"], least=110),
)


def _show(call: Call) -> None:
    (shape,) = _shapes([call.options["name"]])
    call.output.give(shape, _show_queue)


def _show_queue(output: Output, queue: QueueShape) -> None:
    pause = queue["pause"]
    output.heading(f"{queue['name']} {queue['description']}")
    output.facts(
        [
            *((state["state"], state["reason"] or "yes") for state in queue["states"]),
            ("since", queue["paused_at"] and stamp(queue["paused_at"])),
            ("by", queue["paused_by"]),
            ("still running", pause and f"{pause['still_running']:,}"),
            ("still sent", pause and f"{pause['still_with_the_broker']:,} with the broker, which start no more"),
            ("depth", _deep(queue)),
            ("oldest", _span(queue["oldest_seconds"])),
            ("in", f"{_rate(queue['in_per_second'])} a second"),
            ("out", f"{_rate(queue['out_per_second'])} a second"),
            ("drains in", _drain(queue)),
            ("processes", f"{queue['processes']:,}"),
            ("rate limit", _limit(queue["rate_limit"], "a second")),
            ("limit at once", _limit(queue["concurrency_limit"], "at once")),
            *(
                (name, f"{number:,}{' or more' if name in queue['at_least'] else ''}")
                for name, number in queue["counts"].items()
                if number or name != PARKED
            ),
        ]
    )


def _limit(limit: float | None, words: str) -> str:
    return "none" if limit is None else f"{limit:g} {words}"


# --- Verbs ----------------------------------------------------------------------------------------------------------


def _pause(call: Call) -> None:
    reason = call.reason
    if len(reason) > _LONGEST:
        raise Misused(f"--reason: up to {_LONGEST} characters")
    _each(call, lambda name: services.pause_queue(name, actor=call.actor, reason=reason), True, "paused already")


def _resume(call: Call) -> None:
    _each(call, lambda name: services.resume_queue(name, actor=call.actor, reason=call.reason), False, "not paused")


_LONGEST = 200  # as long as the column


def _each(call: Call, one: Callable[[str], Any], pauses: bool, why_not: str) -> None:
    """Does it to each of the queues. Raises Refused with those that were so before, which are left as they are."""
    names = list(dict.fromkeys(call.options["names"]))
    before = {queue["name"]: queue["paused"] for queue in _shapes(names)}
    for name in names:
        one(name)
    shapes = _shapes(names)
    call.output.give(shapes, lambda output, shapes: None)
    done = [name for name in names if before[name] != pauses]
    if done:
        call.output.say(f"{', '.join(done)}: {'nothing more is started' if pauses else 'started again'}.")
    still = sum(shape["counts"][TaskStatus.PROCESSING] for shape in shapes if shape["name"] in done)
    if pauses and still:
        call.output.say(f"{number_of(still, 'task')} that run there are finished.")
    if skipped := [name for name in names if before[name] == pauses]:
        lines = [f"{len(skipped):,} of {len(names):,} skipped", *(f"  {each}  {why_not}" for each in skipped)]
        raise Refused("\n".join(lines))


def _set_limits(call: Call) -> None:
    limits = {"rate_limit": call.options["rate"], "concurrency_limit": call.options["concurrency"]}
    if all(value is UNCHANGED for value in limits.values()):
        raise Misused("say which limit: --rate N, --concurrency N, or none in place of the number")
    names = list(dict.fromkeys(call.options["names"]))
    _shapes(names)
    try:
        for name in names:
            services.limit_queue(name, **limits, actor=call.actor, reason=call.reason)
    except InvalidSubmission as error:  # of the first, so that nothing is half done
        names_of = {"rate_limit": "--rate", "concurrency_limit": "--concurrency"}
        raise Misused("; ".join(f"{names_of[each['attr']]}: {each['detail']}" for each in error.errors)) from None
    call.output.give(_shapes(names), _show_limits)


def _show_limits(output: Output, queues: list[QueueShape]) -> None:
    for queue in queues:
        rate, at_once = _limit(queue["rate_limit"], "a second"), _limit(queue["concurrency_limit"], "at once")
        output.say(f"{queue['name']}: rate limit {rate}, concurrency limit {at_once}, over all workers together.")


def _number_or_none(kind: type[int] | type[float]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if text.lower() == "none":
            return None
        try:
            return kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"give a number or none, and not {text[:40]!r}") from None

    return read


# --- All of them ----------------------------------------------------------------------------------------------------


def _status(call: Call) -> None:
    call.output.give(status_shape(queue_figures.picture()), _show_status)


def _show_status(output: Output, status: StatusShape) -> None:
    coordinator, workers = status["coordinator"], status["workers"]
    broker = {None: "nobody leads, so nobody knows", True: "answers", False: coordinator["broker_error"] or "is away"}
    output.facts(
        [
            ("coordinator", f"{coordinator['holder']} leads" if coordinator["leading"] else "nobody leads"),
            ("broker", broker[coordinator["broker_answers"]]),
            ("workers", ", ".join(f"{number:,} {state}" for state, number in workers.items())),
        ]
    )
    output.heading("Queues")
    output.table(
        _COLUMNS, [*status["queues"], {"name": "in all", "states": [{"state": "", "reason": ""}], **status["in_all"]}]
    )


def _overloaded(call: Call) -> None:
    call.output.give(overloaded_shape(queue_figures.picture()), _show_overloaded)


def _show_overloaded(output: Output, found: OverloadedShape) -> None:
    every = [*found["queues"], {"name": "in all", "paused": False, **found["in_all"]}]
    columns = (
        Column("QUEUE", lambda each: each["name"]),
        Column(
            "IS", lambda each: "overloaded" if each["overloaded"] else "paused" if each["paused"] else "well", _VERDICTS
        ),
        Column("DEPTH", _deep, side="right"),
        Column("WHY", lambda each: "; ".join(reason["detail"] for reason in each["reasons"]), is_folded=True),
    )
    output.table(columns, every)
    output.say(f"\n{found['rule']['in_words']}")


def _verdict(queue: Any) -> str:
    return "overloaded" if queue["overloaded"] else "paused" if queue["paused"] else "well"


_VERDICTS = {"overloaded": "red", "paused": "yellow", "well": "green"}


def _add_name(parser: CommandParser) -> None:
    parser.add_argument("name", metavar="QUEUE")


def _add_names(parser: CommandParser) -> None:
    parser.add_argument("names", nargs="+", metavar="QUEUE")
    add_reason(parser)


def _add_limits(parser: CommandParser) -> None:
    _add_names(parser)
    for name, kind, help in (
        ("--rate", float, "tasks a second that are started"),
        ("--concurrency", int, "tasks that run at once"),
    ):
        parser.add_argument(
            name, type=_number_or_none(kind), default=UNCHANGED, metavar="N", help=f"{help}, over all workers; or none"
        )


VERBS = (
    Verb("list", "List queues with what waits in them.", _list),
    Verb("show", "Look at a queue.", _show, _add_name),
    Verb("pause", "Start nothing more of queues; what runs is finished.", _pause, _add_names),
    Verb("resume", "Let queues go on.", _resume, _add_names),
    Verb("limit", "Set how much of queues is started, over all workers together.", _set_limits, _add_limits),
    Verb("status", "Say whether coordinator, broker and workers are there, and how the queues do.", _status),
    Verb("overloaded", "Say which queues are overloaded, by which rule.", _overloaded),
)
