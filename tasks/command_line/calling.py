"""What a verb of a command is, what it is called with, and how it refuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.management.base import CommandParser

from tasks.command_line.printing import Output
from tasks.exceptions import TaskyardError


class Misused(TaskyardError):
    """What was written cannot be meant: exit code 2."""


class Refused(TaskyardError):
    """Some or all of it was not done, and why: exit code 1."""


@dataclass(frozen=True, slots=True)
class Call:
    """One verb as it was asked for. `actor` is a user, or None for whoever has the shell."""

    options: Mapping[str, Any]
    actor: Any
    output: Output

    @property
    def reason(self) -> str:
        return str(self.options["reason"])

    @property
    def shows_payloads(self) -> bool:
        return bool(self.options["payloads"])

    def required_reason(self) -> str:
        """Raises Misused where none was given."""
        if not self.reason.strip():
            raise Misused("say why, by --reason TEXT: it is kept with what was done")
        return self.reason


def _nothing(parser: CommandParser) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Verb:
    """`add` says what it takes; `verbs` are the verbs below it, where it has some."""

    name: str
    help: str
    run: Callable[[Call], None] | None = None
    add: Callable[[CommandParser], None] = _nothing
    verbs: "tuple[Verb, ...]" = field(default_factory=tuple)
