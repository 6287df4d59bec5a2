"""Looking at tasks: lists, why one is not running, its log, what can be submitted, numbers."""

from typing import Any

from django.core.management.base import CommandParser

from tasks import database, selectors
from tasks.api import shapes
from tasks.api.answers import LogShape, Page, SearchedPage, TaskShape, TypeShape
from tasks.api.filters import TASK_ORDERS, ordering_of
from tasks.api.queue_answers import TaskStatsShape
from tasks.api.stats import stats_shape
from tasks.command_line import colours
from tasks.command_line.calling import Call, Verb
from tasks.command_line.pages import add_page, page_of, searched_page, show_page
from tasks.command_line.parsing import add_id, add_payloads, add_query, add_text, selection_of
from tasks.command_line.printing import Column, Output
from tasks.command_line.task_page import show_task_verb, why_verb
from tasks.exceptions import TaskMissing
from tasks.models import Task, TaskLog
from tasks.searching import TASKS
from tasks.wording import since, span


def _list(call: Call) -> None:
    chosen = selection_of(call, TASKS)
    order = ordering_of(call.options["ordering"] or "", TASK_ORDERS) or chosen.order
    rows = chosen.within(selectors.tasks(), call.actor).order_by(*order)
    page = searched_page(call, chosen, rows, lambda found: shapes.task_shapes(found, with_payload=call.shows_payloads))
    call.output.give(page, _show_list)


def _show_list(output: Output, page: SearchedPage[TaskShape]) -> None:
    now = database.now()
    columns = (
        Column("ID", lambda task: str(task["id"]), is_whole=True),
        Column("STATUS", lambda task: task["status"], colours.STATUSES),
        Column("TASK", lambda task: task["name"] or task["type"]),
        Column("TYPE", lambda task: task["type"] if task["name"] else "", least=140),
        Column("QUEUE", lambda task: task["queue"], least=100),
        Column("PRIO", lambda task: task["priority"], least=100, side="right"),
        Column("TRY", lambda task: f"{task['attempt']}/{task['max_attempts']}", side="right"),
        Column("AGE", lambda task: since(task["created_at"], now).removesuffix(" ago"), side="right"),
        Column("TOOK", _took, least=100, side="right"),
        Column("WORKER", lambda task: task["worker"], least=140),
        Column("ERROR", lambda task: (task["error"] or {}).get("message", ""), least=160),
    )
    show_page(output, page, columns, "tasks")


def _took(task: TaskShape) -> str:
    return "" if task["duration_ms"] is None else span(task["duration_ms"] / 1000)


def _add_list(parser: CommandParser) -> None:
    add_query(parser, TASKS)
    add_text(parser, "ordering", help=f"{', '.join(TASK_ORDERS)}, with commas, each with a - for the largest first")
    add_page(parser, has_cursor=True)
    add_payloads(parser)


# --- Logs -----------------------------------------------------------------------------------------------------------


def _logs(call: Call) -> None:
    task_id = call.options["id"]
    if not Task.objects.filter(id=task_id).exists():
        raise TaskMissing(task_id)
    rows = TaskLog.objects.filter(task_id=task_id).order_by("id")
    page = page_of(call, rows, lambda found: [shapes.log_shape(each) for each in found])
    call.output.give(page, _show_logs)


def _show_logs(output: Output, page: Page[LogShape]) -> None:
    columns = (
        Column("TRY", lambda line: line["attempt"], side="right"),
        Column("AT", lambda line: f"{line['at']:%H:%M:%S}"),
        Column("LEVEL", lambda line: line["level"], colours.LEVELS),
        Column("MESSAGE", lambda line: " ".join([line["message"], *_fields(line["fields"])]), is_folded=True),
    )
    show_page(output, page, columns, "lines")


def _fields(fields: dict[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in fields.items()]


def _add_logs(parser: CommandParser) -> None:
    add_id(parser)
    add_page(parser)


# --- Types and numbers ----------------------------------------------------------------------------------------------


def _types(call: Call) -> None:
    call.output.give(shapes.type_shapes(), _show_types)


def _show_types(output: Output, types: list[TypeShape]) -> None:
    columns = (
        Column("TYPE", lambda each: each["name"]),
        Column("QUEUE", lambda each: each["queue"]),
        Column("TRIES", lambda each: each["max_attempts"], side="right"),
        Column("TIMEOUT", lambda each: span(each["timeout"]), side="right"),
        Column("UNDO", lambda each: "yes" if each["can_be_compensated"] else ""),
        Column("WORKER", lambda each: "yes" if each["known_online"] else "none", {"none": "yellow"}),
        Column("DOES", lambda each: each["description"].partition("\n")[0], least=110),
    )
    output.table(columns, types)


def _stats(call: Call) -> None:
    call.output.give(stats_shape(), _show_stats)


def _show_stats(output: Output, stats: TaskStatsShape) -> None:
    def counted(path: str, number: int) -> str:
        return f"{number:,}{' or more' if path in stats['at_least'] else ''}"

    per_minute = stats["per_minute"]
    output.facts(
        [
            ("tasks", counted("total", stats["total"])),
            ("open dead letters", counted("open_dead_letters", stats["open_dead_letters"])),
            ("a minute", f"{per_minute['submitted']:,} submitted, {per_minute['finished']:,} finished"),
        ]
    )
    groups = {"by_status": stats["by_status"], "by_type": stats["by_type"], "by_queue": stats["by_queue"]}
    for name, counts in groups.items():
        output.heading(name.replace("_", " ").capitalize())
        output.facts((f"  {word}", counted(f"{name}.{word}", number)) for word, number in counts.items())


VERBS = (
    Verb("list", "List tasks, the newest first.", _list, _add_list),
    show_task_verb,
    why_verb,
    Verb("logs", "Read what a task's handler has logged.", _logs, _add_logs),
    Verb("types", "List what can be submitted here.", _types),
    Verb("stats", "Count tasks by status, type and queue.", _stats),
)
