"""bench/scale: reads the arguments, runs the measures under a progress bar, reports, and fails where a floor breaks."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import stopping
from bench.installation import Installation, open_installation
from bench.processes import BenchFailed

if TYPE_CHECKING:
    from bench.floors.floor import Figure

NAMES = ("api", "memory", "backlog", "history")
FLOOR_BROKEN = 2


def main() -> int:
    arguments = _parser().parse_args()
    stopping.listen()
    try:
        with open_installation("full", bulk_limit=10_000) as installation:
            figures = _measure_and_report(installation, arguments)
    except BenchFailed as error:
        print(f"bench/scale: {error}", file=sys.stderr)
        return 1
    except stopping.Stopped:
        print("bench/scale: stopped; nothing of it is left running", file=sys.stderr)
        return 130
    return FLOOR_BROKEN if any(each.holds is False for each in figures) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/scale",
        description="Measures whether Taskyard holds its floors with much to do and much done, on a database and "
        "processes of its own. bench/README.md says what each figure means. Exit code 2: a floor does not hold.",
    )
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=NAMES, help=f"some of: {', '.join(NAMES)}")
    parser.add_argument(
        "--scale", type=_scale, default=1.0, help="part of 1,000,000 pending and 10,000,000 finished (default 1)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser


def _scale(text: str) -> float:
    number = float(text)
    if not 0 < number <= 10:
        raise argparse.ArgumentTypeError("it must be above 0 and at most 10")
    return number


def _measure_and_report(installation: Installation, arguments: argparse.Namespace) -> "list[Figure]":
    from bench import machine  # Django is set up by now
    from bench.floors import report
    from bench.floors.measures import MEASURES, Round

    console = Console()
    about: dict[str, Any] = {"scale": arguments.scale, "machine": machine.describe()}
    figures: list[Figure] = []
    notes: dict[str, Any] = {}
    chosen = {name: run for name, run in MEASURES.items() if arguments.only is None or name in arguments.only}
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=console) as bar:
        whole = bar.add_task("all", total=len(chosen))
        part = bar.add_task("", total=100)

        def progress(what: str, done: float) -> None:
            stopping.check()
            bar.update(part, description=what, completed=min(100, int(done * 100)))

        for name, run in chosen.items():
            progress(f"{name}: starting processes", 0)
            figures += run(Round(installation, arguments.scale, progress, notes))
            bar.advance(whole)
        bar.remove_task(part)
    about["load_after"] = round(os.getloadavg()[0], 2)
    report.show(console, figures, about)
    if arguments.json:
        report.write_json(arguments.json, figures, about, notes)
    return figures
