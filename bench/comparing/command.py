"""bench/compare: reads the arguments, lets the contestants take turns in rounds under a progress bar, reports."""

import argparse
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import stopping
from bench.comparing import plot, report
from bench.comparing.figures import MEASURES
from bench.comparing.judging import Record, medians_of, verdicts_of
from bench.installation import Installation, Mode, open_installation
from bench.processes import ROOT, BenchFailed, output_of

if TYPE_CHECKING:
    from bench.comparing.contestants import Contestant

NAMES = (*MEASURES, "embedded")
HTTP_CALLS = 1_000
EMBEDDED_WITHIN = 3_600.0  # seconds
WIDTH = 160  # of tables that go to no terminal
PICTURE = ROOT / "docs" / "images" / "compare.png"


def main() -> int:
    arguments = _parser().parse_args()
    missing = [name for name in ("procrastinate", "matplotlib") if importlib.util.find_spec(name) is None]
    if missing:
        print(f"bench/compare: {' and '.join(missing)} not installed; run bin/bootstrap --bench first", file=sys.stderr)
        return 2
    stopping.listen()
    try:
        return _compare(arguments)
    except BenchFailed as error:
        print(f"bench/compare: {error}", file=sys.stderr)
        return 1
    except stopping.Stopped:
        print("bench/compare: stopped; nothing of it is left running", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/compare",
        description="Measures Taskyard beside Celery and Procrastinate on the same PostgreSQL and RabbitMQ, and on "
        "SQLite and files, in databases and processes of its own. bench/README.md says how.",
    )
    parser.add_argument("--tasks", type=_positive, default=10_000, help="to submit and drain (default 10000)")
    parser.add_argument("--tasks-embedded", type=_positive, default=2_000, help="in embedded mode (default 2000)")
    parser.add_argument("--repeat", type=_positive, default=3, help="rounds, of which the median counts (default 3)")
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=NAMES, default=NAMES,
                        help=f"some of: {', '.join(NAMES)}")  # fmt: skip
    parser.add_argument("--beside", metavar="KEY", nargs="+", help="only these contestants beside Taskyard")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rounds and the verdicts there")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="earlier",
                        help="measure nothing: show and draw what --json wrote")  # fmt: skip
    parser.add_argument("--plot", type=Path, metavar="FILE", nargs="?", const=PICTURE,
                        help=f"draw the comparison (default {PICTURE.relative_to(ROOT)})")  # fmt: skip
    parser.add_argument("--check", action="store_true", help="exit code 1 where a floor is missed")
    parser.add_argument("--mode", choices=["full", "embedded"], default="full", help=argparse.SUPPRESS)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return number


def _compare(arguments: argparse.Namespace) -> int:
    records, about = report.read_json(arguments.earlier) if arguments.earlier else _run(arguments)
    if arguments.mode == "embedded":
        return 0  # who started it reports
    report.show(Console(width=None if sys.stdout.isatty() else WIDTH), records, about)
    if arguments.plot:
        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        plot.draw(arguments.plot, records, about["titles"])
    missed = [each for each in verdicts_of(medians_of(records)) if not each.passed]
    return 1 if arguments.check and missed else 0


def _run(arguments: argparse.Namespace) -> tuple[list[Record], dict[str, Any]]:
    """Measures, and writes the file after each turn: a run that is stopped leaves the turns that it had."""
    about: dict[str, Any] = {
        "tasks": arguments.tasks,
        "tasks_embedded": arguments.tasks_embedded,
        "repeat": arguments.repeat,
        "load_before": round(os.getloadavg()[0], 2),
        "versions": report.versions(),
        "titles": {},
    }
    records: list[Record] = []

    def add(more: Sequence[Record]) -> None:
        records.extend(more)
        if arguments.json:
            report.write_json(arguments.json, records, about)

    if arguments.mode == "embedded":
        _run_mode("embedded", ["work"], arguments.tasks_embedded, arguments, about, add)
        return records, about
    # The short one first: it is soon known whether it works.
    if "embedded" in arguments.only:
        add(_run_embedded(arguments, about))
    if measures := [name for name in arguments.only if name in MEASURES]:
        _run_mode("full", measures, arguments.tasks, arguments, about, add)
    return records, about


def _run_mode(
    mode: Mode,
    measures: Sequence[str],
    count: int,
    arguments: argparse.Namespace,
    about: dict[str, Any],
    add: Callable[[Sequence[Record]], None],
) -> None:
    with open_installation(mode, bulk_limit=max(10_000, count)) as installation:
        # Django is set up by now.
        from bench import machine
        from bench.comparing.contestants import contestants_of

        about["machine"] = {**machine.describe(), "load_before": about["load_before"]}
        contestants = [
            each
            for each in contestants_of(installation)
            if not arguments.beside or each.key in ("taskyard", *arguments.beside)
        ]
        about["titles"] |= {each.key: each.title for each in contestants}
        for contestant in contestants:
            stopping.check()
            contestant.prepare()
        turns = [(each, [name for name in measures if name in each.measures]) for each in contestants]
        _take_turns(installation, turns, count, arguments.repeat, add)


def _run_embedded(arguments: argparse.Namespace, about: dict[str, Any]) -> list[Record]:
    """A process of its own does it: Django's settings are of one mode. Its progress bar shows here."""
    with tempfile.TemporaryDirectory(prefix="taskyard-compare-") as folder:
        file = Path(folder, "embedded.json")
        command: list[str | Path] = [sys.executable, ROOT / "bench" / "compare", "--mode", "embedded", "--json", file]
        numbers = ["--tasks-embedded", str(arguments.tasks_embedded), "--repeat", str(arguments.repeat)]
        code, _ = output_of([*command, *numbers], within=EMBEDDED_WITHIN)
        if code:
            raise BenchFailed(f"the comparison in embedded mode ended with code {code}")
        records, found = report.read_json(file)
        about.update({name: found[name] for name in ("titles", "machine")})
        return records


def _take_turns(
    installation: Installation,
    turns: "Sequence[tuple[Contestant, list[str]]]",
    count: int,
    repeat: int,
    add: Callable[[Sequence[Record]], None],
) -> None:
    """In each round each contestant's processes run alone: what disturbs a round meets everyone."""
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    with Progress(*columns, console=Console(stderr=True)) as bar:
        whole = bar.add_task("", total=repeat * sum(len(names) for _, names in turns))
        for number in range(1, repeat + 1):
            for contestant, names in turns:
                records = []
                try:
                    for name in names:
                        stopping.check()
                        bar.update(whole, description=f"round {number}, {contestant.title}: {name}")
                        records.append(_measure(installation, contestant, name, number, count))
                        bar.advance(whole)
                finally:
                    contestant.stop()
                add(records)


def _measure(installation: Installation, contestant: "Contestant", name: str, number: int, count: int) -> Record:
    contestant.start(name)
    load, began = os.getloadavg()[0], time.monotonic()
    figures = contestant.run(name, HTTP_CALLS if name == "http" else count)
    return Record(
        mode=installation.mode,
        contestant=contestant.key,
        measure=name,
        round=number,
        seconds=round(time.monotonic() - began, 2),
        load=round(load, 2),
        figures=figures,
    )
