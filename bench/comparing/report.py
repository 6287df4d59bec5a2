"""The comparison as tables for people and as JSON for programs."""

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.comparing.figures import FIGURES
from bench.comparing.judging import Medians, Record, Verdict, medians_of, ratio, verdicts_of

_PACKAGES = ("celery", "kombu", "django", "django-celery-results", "procrastinate", "psycopg", "httpx")
_QUIET = 0.5  # a load above it says that others were at work


def versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in _PACKAGES}


def show(console: Console, records: Sequence[Record], about: Mapping[str, Any]) -> None:
    """Prints a table for each mode, the floors, and what it was measured on."""
    medians = medians_of(records)
    for mode in dict.fromkeys(record.mode for record in records):
        console.print(_figures(mode, medians, about))
    if verdicts := verdicts_of(medians):
        console.print(_floors(verdicts))
    machine, loads = about["machine"], [record.load for record in records]
    packages = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    console.print(
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}, {machine['database']}, "
        f"{machine['broker']}, {packages}, commit {machine['commit']}. Load when it began: {machine['load_before']}, "
        f"while it ran: {min(loads):.1f} to {max(loads):.1f}"
        f"{'; others were at work' if machine['load_before'] > _QUIET else ''}.",
        highlight=False,
    )


def _figures(mode: str, medians: Medians, about: Mapping[str, Any]) -> Table:
    contestants = list(dict.fromkeys(contestant for each, contestant, _ in medians if each == mode))
    count = about["tasks"] if mode == "full" else about["tasks_embedded"]
    rounds = f"median of {about['repeat']}; in parentheses: how many times better Taskyard is"
    table = Table(title=f"{mode.capitalize()} mode, {count:,} tasks, {rounds}")
    table.add_column("")
    for contestant in contestants:
        table.add_column(about["titles"][contestant], justify="right")
    table.add_column("unit")
    for key, figure in FIGURES.items():
        cells = [_cell(medians, mode, contestant, key) for contestant in contestants]
        if any(cells):
            table.add_row(figure.title, *cells, figure.unit)
    return table


def _cell(medians: Medians, mode: str, contestant: str, key: str) -> str:
    value, own = medians.get((mode, contestant, key)), medians.get((mode, "taskyard", key))
    if value is None:
        return ""
    if contestant == "taskyard" or not own:
        return number(value)
    return f"{number(value)} ({number(ratio(key, own, value))})"


def _floors(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title="Floors")
    table.add_column("Taskyard")
    table.add_column("floor", justify="right")
    table.add_column("measured", justify="right")
    table.add_column("")
    for each in verdicts:
        mark = "[green]✓ holds[/]" if each.passed else "[red]✗ missed[/]"
        floor = f"{each.sign} {each.floor:g} {each.unit}"
        table.add_row(each.title, floor, f"{number(each.measured)} {each.unit}", mark)
    return table


def write_json(path: Path, records: Sequence[Record], about: Mapping[str, Any]) -> None:
    medians = medians_of(records)
    content = {
        **about,
        "medians": [
            {"mode": mode, "contestant": contestant, "figure": figure, "unit": FIGURES[figure].unit, "value": value}
            for (mode, contestant, figure), value in medians.items()
        ],
        "floors": [each.as_json() for each in verdicts_of(medians)],
        "rounds": [record.as_json() for record in records],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> tuple[list[Record], dict[str, Any]]:
    """Reads what `write_json` wrote: the rounds, and what it says about them."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [Record(**each) for each in content["rounds"]], content


def number(value: float) -> str:
    """Three digits that say something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
