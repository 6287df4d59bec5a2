"""The fields of a submission as options: what a copy or an edit changes."""

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from tasks.command_line.parsing import add_json, number
from tasks.models.task import HIGHEST_PRIORITY, LOWEST_PRIORITY
from tasks.states import OnDependencyFailure

_NAMES = (
    "payload", "name", "queue", "priority", "delay", "run_at", "max_attempts", "timeout", "retry", "tags",
    "on_dependency_failure",
)  # fmt: skip


def add_fields(parser: CommandParser) -> None:
    group = parser.add_argument_group("fields", "what is left out stays")
    add_json(group, "--payload", "the whole payload; a mask in it keeps the secret that it stands for")
    group.add_argument("--name")
    group.add_argument("--queue")
    group.add_argument(
        "--priority", type=number(LOWEST_PRIORITY, HIGHEST_PRIORITY), metavar="N", help="0 to 9, 9 goes first"
    )
    group.add_argument("--delay", type=float, metavar="SECONDS", help="from now")
    group.add_argument("--run-at", metavar="TIME", help="ISO 8601 with its zone")
    group.add_argument("--max-attempts", type=int, metavar="N")
    group.add_argument("--timeout", type=float, metavar="SECONDS", help="that an attempt may take")
    add_json(group, "--retry", "retry policy")
    group.add_argument("--tag", action="append", dest="tags", metavar="TAG", help="all of them, each by its own --tag")
    group.add_argument("--on-dependency-failure", choices=OnDependencyFailure.values)


def given_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in _NAMES if options[name] is not None}
