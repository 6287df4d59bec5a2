"""From a command line to a verb, and from what went wrong to an exit code."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from tasks import auditing
from tasks.command_line.calling import Call, Misused, Verb
from tasks.command_line.parsing import VerbParser
from tasks.command_line.printing import Output
from tasks.exceptions import TaskyardError
from tasks.masking import masked_text
from tasks.searching import InvalidSearch
from tasks.states import Door

REFUSED, MISUSED = 1, 2


class VerbCommand(BaseCommand):
    """A command whose first word is a verb. Exit codes: 0 done, 1 refused or skipped, 2 wrong usage."""

    requires_system_checks = ()  # they load every page of the admin, and somebody waits
    verbs: tuple[Verb, ...] = ()

    def add_arguments(self, parser: CommandParser) -> None:
        _add_verbs(parser, self.verbs)

    def handle(self, *args: Any, **options: Any) -> None:
        is_plain, is_coloured = options["no_color"], options["force_color"]
        output = Output(self.stdout, self.stderr, as_json=options["json"], is_plain=is_plain, is_coloured=is_coloured)
        try:
            with auditing.through(Door.COMMAND_LINE):
                options["run"](Call(options, _actor(options["as"]), output))
        except InvalidSearch as error:
            raise CommandError("; ".join(map(_of_option, error.errors[:5])), returncode=MISUSED) from None
        except Misused as error:
            raise CommandError(str(error), returncode=MISUSED) from None
        except (TaskyardError, PermissionDenied) as error:
            raise CommandError(masked_text(str(error)), returncode=REFUSED) from None
        except (OperationalError, InterfaceError) as error:
            said = " ".join(str(error).split())
            raise CommandError(f"the database does not answer: {said}", returncode=REFUSED) from None


def _add_verbs(parser: CommandParser, verbs: tuple[Verb, ...]) -> None:
    below = parser.add_subparsers(metavar="VERB", required=True, parser_class=VerbParser)
    for verb in verbs:
        own: Any = below.add_parser(verb.name, help=verb.help, description=verb.help)
        if verb.verbs:
            _add_verbs(own, verb.verbs)
            continue
        verb.add(own)
        own.add_argument("--json", action="store_true", help="for programs, in the shapes of the API")
        own.add_argument("--as", metavar="USERNAME", help="who does it, for the audit trail")
        own.set_defaults(run=verb.run)


def _of_option(error: dict[str, str]) -> str:
    """Returns what is wrong, after the option that it stands in; a search is a text of its own."""
    name = error["attr"]
    return error["detail"] if name in ("", "q") else f"--{name.replace('_', '-')}: {error['detail']}"


def _actor(username: str | None) -> Any:
    if username is None:
        return None
    users = get_user_model()
    try:
        user = users._default_manager.get_by_natural_key(username)
    except (users.DoesNotExist, ValueError):
        raise Misused(f"--as: there is no user {username!r}") from None
    if not user.is_active:
        raise Misused(f"--as: the user {username!r} is switched off")
    return user
