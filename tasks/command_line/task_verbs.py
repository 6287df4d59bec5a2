"""What can be done to tasks: to some by their ids, or to everything that a search matches."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.core.management.base import CommandParser

from tasks import selectors, services
from tasks.api import shapes
from tasks.command_line.calling import Call, Misused, Verb
from tasks.command_line.everything import add_everything, add_guarded, is_of_everything, start
from tasks.command_line.fields import add_fields, given_fields
from tasks.command_line.parsing import add_ids, add_payloads, add_reason, number
from tasks.command_line.reporting import tell
from tasks.exceptions import IllegalTransition, TaskMissing, TaskyardError
from tasks.models import Task
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.searching import TASKS
from tasks.services import Report
from tasks.states import BulkVerb, TaskStatus

# --- Many at once ---------------------------------------------------------------------------------------------------


def _cancel(call: Call) -> None:
    if is_of_everything(call):
        start(call, BulkVerb.CANCEL, TASKS)
    else:
        report = services.cancel_tasks(call.options["ids"], actor=call.actor, reason=call.reason)
        tell(call, report, TaskStatus.CANCELLED.value)


def _run_now(call: Call) -> None:
    if is_of_everything(call):
        start(call, BulkVerb.RUN_NOW, TASKS)
    else:
        tell(call, services.run_now(call.options["ids"], actor=call.actor, reason=call.reason), "made due at once")


def _priority(call: Call) -> None:
    priority = call.options["to"]
    if is_of_everything(call):
        start(call, BulkVerb.CHANGE_PRIORITY, TASKS, {"priority": priority})
    else:
        report = services.change_priority(call.options["ids"], priority, actor=call.actor, reason=call.reason)
        tell(call, report, f"given the priority {priority}")


def _retry(call: Call) -> None:
    patch, spread = call.options["patch"], call.options["spread"]
    if is_of_everything(call):
        start(call, BulkVerb.RETRY, TASKS, {"patch": patch, "spread": spread})
        return
    ids = call.options["ids"]
    report = services.retry_tasks(
        ids, actor=call.actor, reason=call.reason, spread=spread, patch=patch and _with_secrets(patch, ids)
    )
    tell(call, report, "retried")


def _with_secrets(patch: Mapping[str, Any], ids: list[uuid.UUID]) -> Any:
    # A mask of one task's payload may be what its secret is; of several there is no saying whose.
    task = Task.objects.only("payload").filter(id=ids[0]).first() if len(ids) == 1 else None
    return services.with_secrets(patch, task.payload if task else {})


def _of_many(kind_of: Callable[[CommandParser], None] | None = None) -> Callable[[CommandParser], None]:
    def add(parser: CommandParser) -> None:
        add_ids(parser)
        add_reason(parser)
        if kind_of is not None:
            kind_of(parser)
        add_everything(parser, TASKS)

    return add


def _add_priority(parser: CommandParser) -> None:
    of_priority = number(LOWEST_PRIORITY, HIGHEST_PRIORITY)
    parser.add_argument("--to", type=of_priority, required=True, metavar="N", help="0 to 9, 9 goes first")


def _add_retry(parser: CommandParser) -> None:
    add_guarded(parser)
    add_payloads(parser)


# --- One after the other --------------------------------------------------------------------------------------------


def _edit(call: Call) -> None:
    changes = given_fields(call.options)
    if not changes:
        raise Misused("say what to change, such as --priority 9")
    _each(call, "edited", lambda task_id: services.edit_task(task_id, changes, actor=call.actor, reason=call.reason).id)


def _clone(call: Call) -> None:
    changes = given_fields(call.options)
    _each(
        call, "cloned", lambda task_id: services.clone_task(task_id, changes, actor=call.actor, reason=call.reason).id
    )


def _compensate(call: Call) -> None:
    _each(
        call, "compensated", lambda task_id: services.compensate_task(task_id, actor=call.actor, reason=call.reason).id
    )


def _each(call: Call, past: str, one: Callable[[uuid.UUID], uuid.UUID]) -> None:
    """Does it to each. What is refused of one does not keep it from the others."""
    if not call.options["ids"]:
        raise Misused("give ids")
    report, made = Report(), dict[uuid.UUID, uuid.UUID]()
    for task_id in dict.fromkeys(call.options["ids"]):
        try:
            made[task_id] = one(task_id)
        except TaskMissing as error:
            report.skipped[task_id] = ("", str(error))
        except IllegalTransition as error:
            report.skipped[task_id] = (error.status, str(error))
        except TaskyardError as error:
            status = Task.objects.filter(id=task_id).values_list("status", flat=True).first()
            report.skipped[task_id] = (status or "", str(error))
        else:
            report.done.append(task_id)
    for task_id, result in made.items():
        if result != task_id:
            call.output.say(f"{task_id}: by task {result}")
    found = selectors.tasks().in_bulk(list(made.values()))
    rows = [found[each] for each in made.values() if each in found]
    tell(call, report, past, tasks=shapes.task_shapes(rows, with_payload=call.shows_payloads))


def _add_each(parser: CommandParser) -> None:
    add_ids(parser)
    add_reason(parser)
    add_payloads(parser)


def _add_changing(parser: CommandParser) -> None:
    _add_each(parser)
    add_fields(parser)


VERBS = (
    Verb("cancel", "Cancel tasks; what is running is asked to stop.", _cancel, _of_many()),
    Verb("retry", "Give failed tasks a fresh budget of attempts.", _retry, _of_many(_add_retry)),
    Verb("run-now", "Make scheduled and retrying tasks due at once.", _run_now, _of_many()),
    Verb("priority", "Give waiting tasks another priority.", _priority, _of_many(_add_priority)),
    Verb("clone", "Submit copies, with what is to differ.", _clone, _add_changing),
    Verb("compensate", "Submit what undoes completed tasks.", _compensate, _add_each),
    Verb("edit", "Change waiting tasks.", _edit, _add_changing),
)
