"""The figures beside their floors, as a table for people and as JSON for programs."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.floors.floor import Figure


def show(console: Console, figures: list[Figure], about: dict[str, Any]) -> None:
    """Prints the table, and below it what it was measured on."""
    table = Table(title=f"Taskyard's floors of size, scale {about['scale']:g}")
    table.add_column("measure")
    for name in ("value", "unit", "floor", "holds"):
        table.add_column(name, justify="left" if name == "unit" else "right")
    words = {None: "", True: "[green]yes", False: "[red]NO"}
    for each in figures:
        table.add_row(each.title, _number(each.value), each.unit, each.floor, words[each.holds])
    console.print(table)
    machine = about["machine"]
    console.print(
        f"{machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}, {machine['database']}, "
        f"{machine['broker']}, commit {machine['commit']}. Load when it began: {machine['load_before']}, "
        f"when it ended: {about['load_after']}.",
        highlight=False,
    )


def write_json(path: Path, figures: list[Figure], about: dict[str, Any], notes: dict[str, Any]) -> None:
    content = {**about, "figures": [each.as_json() for each in figures], "notes": notes}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"
