"""bench/pages: fills a database, asks for pages and answers in rounds, reports, and fails where one takes too long."""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench import stopping
from bench.browsing import report
from bench.installation import Mode, open_installation
from bench.processes import ROOT, BenchFailed, output_of

MODES: dict[str, Mode] = {"sqlite": "embedded", "postgresql": "full"}
TOO_LONG = 2
WITHIN = 3_600.0  # seconds, of one database


def main() -> int:
    arguments = _parser().parse_args()
    stopping.listen()
    try:
        results = [_one(arguments)] if len(arguments.on) == 1 else _each_by_itself(arguments)
    except BenchFailed as error:
        print(f"bench/pages: {error}", file=sys.stderr)
        return 1
    except stopping.Stopped:
        print("bench/pages: stopped; nothing of it is left running", file=sys.stderr)
        return 130
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if arguments.quiet:
        return 0
    slow = report.show(Console(width=None if sys.stdout.isatty() else report.WIDTH), results, arguments.all)
    return TOO_LONG if slow else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/pages",
        description="Measures how long pages of the admin and answers of the API take over a million tasks, in "
        "databases of its own. bench/README.md says how. Exit code 2: one takes longer than "
        f"{report.MOST} ms.",
    )
    parser.add_argument("--on", nargs="+", choices=MODES, default=list(MODES), help="one database (default both)")
    parser.add_argument("--rows", type=_positive, default=1_000_000, help="tasks (default 1000000)")
    parser.add_argument("--rounds", type=_positive, default=7, help="of which the median counts (default 7)")
    parser.add_argument("--only", metavar="TEXT", help="only what has this in its part, title or address")
    parser.add_argument("--all", action="store_true", help="every line, not the slowest of each part alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all times there as well")
    parser.add_argument("--quiet", action="store_true", help=argparse.SUPPRESS)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number


def _each_by_itself(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A process of its own for each database: Django's settings are of one. Its progress bar shows here."""
    results = []
    with tempfile.TemporaryDirectory(prefix="taskyard-pages-") as folder:
        for name in arguments.on:
            file = Path(folder, f"{name}.json")
            command: list[str | Path] = [sys.executable, ROOT / "bench" / "pages", "--on", name, "--json", file]
            options = ["--quiet", "--rows", str(arguments.rows), "--rounds", str(arguments.rounds)]
            code, _ = output_of(
                [*command, *options, *(["--only", arguments.only] if arguments.only else [])], within=WITHIN
            )
            if code:
                raise BenchFailed(f"the measurement on {name} ended with code {code}")
            results += json.loads(file.read_text(encoding="utf-8"))
    return results


def _one(arguments: argparse.Namespace) -> dict[str, Any]:
    [name] = arguments.on
    with open_installation(MODES[name], bulk_limit=10_000) as installation:
        # Django is set up by now.
        from django.contrib.auth.models import Group, User

        from bench import machine
        from bench.browsing import asked, measuring, rows
        from tasks.roles import ADMINISTRATOR

        user = User.objects.get(username=installation.submitter)
        user.is_staff = True
        user.save()
        user.groups.set([Group.objects.get(name=ADMINISTRATOR)])
        about = {"on": name, "rows": arguments.rows, "rounds": arguments.rounds, "machine": machine.describe()}
        columns = [TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()]
        with Progress(*columns, console=Console(stderr=True)) as bar:
            part = bar.add_task(f"{name}: storing {arguments.rows:,} tasks", total=1.0)
            began = time.monotonic()
            rows.fill(arguments.rows, lambda done: bar.update(part, completed=done))
            about["filled_in_seconds"] = round(time.monotonic() - began, 1)
            installation.run_only({"web"})
            chosen = [each for each in asked.all_asked() if _matches(each, arguments.only)]
            if not chosen:
                raise BenchFailed(f"nothing has {arguments.only!r} in it")
            bar.update(part, description=f"{name}: asking for {len(chosen)}", completed=0.0)
            answers = measuring.measure(
                installation, chosen, arguments.rounds, lambda done: bar.update(part, completed=done)
            )
            bar.update(part, completed=1.0)
    about["load_after"] = round(os.getloadavg()[0], 2)
    return {**about, "answers": [each.as_json() for each in answers]}


def _matches(each: Any, text: str | None) -> bool:
    return text is None or any(text in words for words in (each.part, each.title, each.address))
