"""The times of all databases beside each other, as a table for people."""

from typing import Any

from rich.console import Console
from rich.table import Table

MOST = 300  # milliseconds that a page may take, in the median
WIDTH = 140  # of a table that goes to no terminal

Line = dict[str, tuple[float, float]]  # by database: median and worst


def show(console: Console, results: list[dict[str, Any]], is_all: bool) -> list[str]:
    """Prints the table and what it was measured on. Returns what takes longer than MOST in the median."""
    names = [each["on"] for each in results]
    lines: dict[tuple[str, str], Line] = {}
    for result in results:
        for each in result["answers"]:
            line = lines.setdefault((each["asked"]["part"], each["asked"]["title"]), {})
            line[result["on"]] = (each["median"], each["worst"])
    slow = {key for key, line in lines.items() if any(middle > MOST for middle, _ in line.values())}
    shown = lines if is_all else {key: lines[key] for key in _slowest(lines) | slow}
    table = Table(title=f"Milliseconds over {results[0]['rows']:,} tasks, of {results[0]['rounds']} requests each")
    table.add_column("part")
    table.add_column("what", overflow="fold")
    for name in names:
        table.add_column(name, justify="right")
        table.add_column("worst", justify="right")
    for key in (key for key in lines if key in shown):
        table.add_row(*key, *(text for name in names for text in _cells(lines[key].get(name))))
    console.print(table)
    if not is_all:
        console.print(f"The slowest of each part, of {len(lines)} in all; --all shows every one.")
    for result in results:
        machine = result["machine"]
        console.print(
            f"{machine['database']}: filled in {result['filled_in_seconds']:g} s; {machine['cores']} cores, "
            f"{machine['memory_gib']} GiB, Python {machine['python']}, commit {machine['commit']}. Load when it began: "
            f"{machine['load_before']}, when it ended: {result['load_after']}.",
            highlight=False,
        )
    found = [f"{part}: {title}" for part, title in lines if (part, title) in slow]
    words = f"[red]{len(found)} take longer than {MOST} ms" if found else f"[green]None takes longer than {MOST} ms"
    console.print(f"{words} in the median.")
    return found


def _slowest(lines: dict[tuple[str, str], Line]) -> set[tuple[str, str]]:
    """Returns of each part what takes longest on each database."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for key, line in lines.items():
        for name, (middle, _) in line.items():
            before = found.get((key[0], name))
            if before is None or middle > lines[before][name][0]:
                found[key[0], name] = key
    return set(found.values())


def _cells(times: tuple[float, float] | None) -> tuple[str, str]:
    if times is None:
        return "", ""
    middle, worst = times
    return (f"[red]{middle:,.0f}" if middle > MOST else f"{middle:,.0f}"), f"{worst:,.0f}"
