"""Submits a task from the command line."""

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from tasks import selectors
from tasks.exceptions import TaskyardError
from tasks.masking import masked, masked_text
from tasks.models import Task
from tasks.services import submit_task
from tasks.states import FINAL, TaskStatus


class Command(BaseCommand):
    help = "Submits one task: submit TYPE JSON. Prints its id, or with --wait its result."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("type")
        parser.add_argument("payload", nargs="?", default="{}", metavar="JSON")
        parser.add_argument("--name")
        parser.add_argument("--queue")
        parser.add_argument("--priority", type=int, help="0 to 9, 9 goes first")
        parser.add_argument("--delay", type=float, help="seconds from now")
        parser.add_argument("--run-at", help="ISO 8601 time with its zone")
        parser.add_argument("--max-attempts", type=int)
        parser.add_argument("--timeout", type=float, help="seconds an attempt may take")
        parser.add_argument("--retry", metavar="JSON", help="retry policy")
        parser.add_argument("--tag", action="append", dest="tags")
        parser.add_argument("--idempotency-key")
        parser.add_argument("--wait", action="store_true", help="until it has ended; exit code 1 where it failed")

    def handle(self, *args: Any, **options: Any) -> None:
        names = ("name", "queue", "priority", "delay", "run_at", "max_attempts", "timeout", "retry", "tags")
        given = {name: options[name] for name in (*names, "idempotency_key") if options[name] is not None}
        payload = _read("the payload", options["payload"])
        if "retry" in given:
            given["retry"] = _read("--retry", given["retry"])
        if not isinstance(payload, dict):
            raise CommandError("the payload must be a JSON object")
        try:
            submitted = submit_task(type=options["type"], payload=payload, **given)
        except TaskyardError as error:
            raise CommandError(str(error)) from None
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"the database does not answer: {' '.join(str(error).split())}") from None
        self.stdout.write(str(submitted.id))
        if options["wait"]:
            self._wait(submitted.id)

    def _wait(self, task_id: Any) -> None:
        pause = 0.02
        while (status := Task.objects.values_list("status", flat=True).get(id=task_id)) not in FINAL:
            time.sleep(pause)
            pause = min(0.5, pause * 1.5)
        attempt = selectors.newest_attempts([task_id]).get(task_id)
        if status != TaskStatus.COMPLETED:
            said = f": {attempt.error_class}: {masked_text(attempt.error_message)}" if attempt else ""
            raise CommandError(f"{status}{said}")
        self.stdout.write(json.dumps(masked(attempt.result) if attempt else None, indent=2))


def _read(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{name} is not JSON: {error}") from None
