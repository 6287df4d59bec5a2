"""One task for people: its state, why it is not running and what mends that, its attempts."""

from typing import Any

from django.core.management.base import CommandParser

from tasks import database, selectors
from tasks.api import shapes
from tasks.api.timeline import timeline
from tasks.api.why import WhyShape, why
from tasks.command_line import colours
from tasks.command_line.calling import Call, Verb
from tasks.command_line.parsing import add_id, add_payloads
from tasks.command_line.printing import Column, Output
from tasks.exceptions import IllegalTransition, TaskMissing
from tasks.explaining import Explanation, Remedy, why_not_running
from tasks.models import Task
from tasks.wording import since, span, stamp

# From what mends a waiting task to the command that does so; what has none is for people.
_COMMANDS = {
    ("task", "run-now"): "tasks run-now {}",
    ("task", "retry"): "tasks retry {}",
    ("task", "priority"): "tasks priority --to 9 {}",
    ("task", "edit"): "tasks edit {} --on-dependency-failure run",
    ("task", "change"): "tasks show {}",
    ("queue", "resume"): "queues resume {}",
    ("queue", "limit"): "queues limit {}",
}


def task_of(call: Call) -> Task:
    """Raises TaskMissing."""
    task = selectors.tasks().filter(id=call.options["id"]).first()
    if task is None:
        raise TaskMissing(call.options["id"])
    return task


def _show(call: Call) -> None:
    task, seen = task_of(call), call.shows_payloads
    explanation: Explanation | None = None
    why_shape: WhyShape | None = None
    try:
        explanation = why_not_running(task)
        why_shape = why(task) if call.output.as_json else None
    except IllegalTransition:
        pass  # it is running, or has ended
    attempts = timeline(task, with_payload=seen)["attempts"]
    whole: dict[str, Any] = {
        **shapes.task_shapes([task], with_payload=seen)[0],
        "attempts": attempts,
        "why": why_shape,
    }
    call.output.give(whole, lambda output, shape: _show_task(output, shape, explanation, seen))


def _show_task(output: Output, task: dict[str, Any], explanation: Explanation | None, seen: bool) -> None:
    now, error, progress = database.now(), task["error"], task["progress"]

    def at(moment: Any) -> str | None:
        return None if moment is None else f"{stamp(moment)} ({since(moment, now)})"

    output.heading(f"{task['type']} {task['name']}")
    output.facts(
        [
            ("id", task["id"]),
            ("status", f"{task['status']}, attempt {task['attempt']} of {task['max_attempts']}"),
            ("queue", f"{task['queue']}, priority {task['priority']}"),
            ("tags", ", ".join(task["tags"])),
            ("error", error and f"{error['category']}: {error['class']}: {error['message']}"),
            ("progress", progress and f"{(progress['fraction'] or 0) * 100:.0f} % {progress['text']}"),
            ("asked to stop", at(task["cancel_requested_at"])),
            ("not before", at(task["run_at"]) if task["started_at"] is None else None),
            ("created", at(task["created_at"])),
            ("by", task["created_by"]),
            ("started", at(task["started_at"])),
            ("finished", at(task["finished_at"])),
            ("took", None if task["duration_ms"] is None else span(task["duration_ms"] / 1000)),
            ("worker", task["worker"]),
            ("waits for", ", ".join(map(str, task["depends_on"]))),
            ("undoes", task["compensates"]),
            ("copy of", task["clone_of"]),
        ]
    )
    if explanation is not None:
        show_why(output, explanation)
    if task["attempts"]:
        output.heading("Attempts")
        output.table(_ATTEMPTS, task["attempts"])
    if seen:
        output.document("Payload", task["payload"])
        if task["result"] is not None:
            output.document("Result", task["result"])
        for attempt in task["attempts"]:
            if attempt["traceback"]:
                output.block(f"Traceback of attempt {attempt['number']}", attempt["traceback"])


_ATTEMPTS = (
    Column("TRY", lambda each: each["number"], side="right"),
    Column("OUTCOME", lambda each: each["outcome"], colours.OUTCOMES),
    Column("STARTED", lambda each: stamp(each["started_at"]) if each["started_at"] else ""),
    Column("TOOK", lambda each: "" if each["duration_ms"] is None else span(each["duration_ms"] / 1000), side="right"),
    Column("WORKER", lambda each: each["worker"], least=110),
    Column("ERROR", lambda each: f"{each['error']['class']}: {each['error']['message']}" if each["error"] else ""),
)


# --- Why ------------------------------------------------------------------------------------------------------------


def _why(call: Call) -> None:
    task = task_of(call)
    if call.output.as_json:
        call.output.give(why(task), lambda output, shape: None)
    else:
        show_why(call.output, why_not_running(task))


def show_why(output: Output, explanation: Explanation) -> None:
    """Says why it is not running, what mends that, and what would hold it back next."""
    output.say(f"\nWhy it is not running: {explanation.sentence}")
    if explanation.remedy is not None:
        output.say(f"  {_mending(explanation.remedy)}")
    for sentence in explanation.also:
        output.say(f"  After that: {sentence}")


def _mending(remedy: Remedy) -> str:
    command = _COMMANDS.get((remedy.kind, remedy.verb))
    return f"{remedy.words}: manage.py {command.format(remedy.target)}" if command else f"{remedy.words}."


def _add_show(parser: CommandParser) -> None:
    add_id(parser)
    add_payloads(parser)


show_task_verb = Verb("show", "Look at a task: its state, why it is not running, its attempts.", _show, _add_show)
why_verb = Verb("why", "Say why a waiting task is not running, and what mends that.", _why, add_id)
