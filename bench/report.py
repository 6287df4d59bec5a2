"""The figures as a table for people and as JSON for programs."""

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measures import Figure

FEWER_THAN = 100  # numbers below get a decimal


@dataclass
class Result:
    """A figure with the value of each round."""

    key: str
    figure: Figure
    values: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.figure.title,
            "unit": self.figure.unit,
            "median": statistics.median(self.values),
            "min": min(self.values),
            "max": max(self.values),
            "values": self.values,
        }


def show(console: Console, results: list[Result], about: dict[str, Any]) -> None:
    """Prints the table, and below it what it was measured on."""
    table = Table(title=f"Taskyard, {about['mode']} mode, {about['tasks']:,} tasks, median of {about['repeat']}")
    table.add_column("measure")
    for name in ("median", "min", "max"):
        table.add_column(name, justify="right")
    table.add_column("unit")
    for result in results:
        numbers = [statistics.median(result.values), min(result.values), max(result.values)]
        table.add_row(result.figure.title, *(_number(each) for each in numbers), result.figure.unit)
    console.print(table)
    machine = about["machine"]
    console.print(
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}, {machine['database']}, "
        f"{machine['broker']}, commit {machine['commit']}. Load when it began: {machine['load_before']}"
        f"{', so others were at work: expect more' if machine['load_before'] > 0.5 else ''}.",
        highlight=False,
    )


def write_json(path: Path, results: list[Result], about: dict[str, Any]) -> None:
    content = {**about, "figures": {result.key: result.as_json() for result in results}}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return f"{value:,.2f}" if value < FEWER_THAN else f"{value:,.0f}"
