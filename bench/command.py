"""bench/run: reads the arguments, runs the measures in rounds under a progress bar, reports."""

import argparse
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import stopping
from bench.installation import Installation, open_installation
from bench.processes import BenchFailed

if TYPE_CHECKING:
    from bench.measures import Measure
    from bench.report import Result

NAMES = ("bare", "submit", "api", "singles", "drain", "async", "idle", "odd", "http")


def main() -> int:
    arguments = _parser().parse_args()
    stopping.listen()
    try:
        with open_installation(arguments.mode, bulk_limit=max(10_000, arguments.tasks)) as installation:
            _measure_and_report(installation, arguments)
    except BenchFailed as error:
        print(f"bench/run: {error}", file=sys.stderr)
        return 1
    except stopping.Stopped:
        print("bench/run: stopped; nothing of it is left running", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/run",
        description="Measures how fast Taskyard is here, on a database and processes of its own. "
        "bench/README.md says what each figure means.",
    )
    parser.add_argument("--mode", choices=["full", "embedded"], default="full", help="full: PostgreSQL and RabbitMQ")
    parser.add_argument("--tasks", type=_positive, default=10_000, help="in a bulk and a drain (default 10000)")
    parser.add_argument("--repeat", type=_positive, default=3, help="rounds, of which the median counts (default 3)")
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=NAMES, help=f"some of: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number


def _measure_and_report(installation: Installation, arguments: argparse.Namespace) -> None:
    from bench import machine, report  # Django is set up by now

    console = Console()
    about: dict[str, Any] = {
        "mode": arguments.mode,
        "tasks": arguments.tasks,
        "repeat": arguments.repeat,
        "machine": machine.describe(),
    }
    results = _measure(installation, arguments, console)
    report.show(console, results, about)
    if arguments.json:
        report.write_json(arguments.json, results, about)


def _measure(installation: Installation, arguments: argparse.Namespace, console: Console) -> "list[Result]":
    """Runs the measures that share their processes in rounds: what disturbs one round disturbs each measure once."""
    from bench.measures import MEASURES, Round, empty_tables
    from bench.report import Result

    chosen = [
        each
        for each in MEASURES
        if arguments.mode in each.modes and (arguments.only is None or each.name in arguments.only)
    ]
    if not chosen:
        raise BenchFailed(f"none of these measures exists in {arguments.mode} mode")
    results = {
        (each.name, key): Result(f"{each.name}.{key}", figure)
        for each in chosen
        for key, figure in each.figures.items()
    }
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=console) as bar:
        whole = bar.add_task("all", total=len(chosen) * arguments.repeat)
        part = bar.add_task("", total=100)
        for needs, group in itertools.groupby(chosen, lambda each: each.needs):
            members: list[Measure] = list(group)
            bar.update(part, description="starting processes", completed=0)
            installation.run_only(set(needs))
            for number in range(arguments.repeat):
                for measure in members:
                    stopping.check()
                    bar.update(part, description=f"{measure.name}, round {number + 1}", completed=0)
                    empty_tables()
                    progress = _progress(bar, part)
                    for key, value in measure.run(Round(installation, arguments.tasks, progress)).items():
                        results[measure.name, key].values.append(value)
                    bar.advance(whole)
        bar.remove_task(part)
    return list(results.values())


def _progress(bar: Progress, part: Any) -> Any:
    return lambda fraction: bar.update(part, completed=min(100, int(fraction * 100)))
