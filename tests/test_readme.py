"""What the README says of the code is what the code says. Its curl lines are run by tests/embedded/test_readme.py."""

import re
from pathlib import Path

from tasks.states import FIRST, MOVES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_diagram_shows_exactly_the_moves() -> None:
    drawn = set(re.findall(r"^ +(\w+) --> (\w+): (\w+)$", README, re.MULTILINE))
    table = {
        (source.value, target.value, move.value)
        for move, (sources, targets) in MOVES.items()
        for source in sources
        for target in targets
    }
    assert drawn == table
    assert set(re.findall(r"^ +\[\*\] --> (\w+)$", README, re.MULTILINE)) == {status.value for status in FIRST}


def test_the_settings_table_names_exactly_the_variables_that_are_read() -> None:
    settings = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings))
    read |= {"PORT", "FLOWER_PORT", "DJANGO_SUPERUSER_USERNAME", "DJANGO_SUPERUSER_PASSWORD"}
    table = README.split("## Settings")[1]
    named = {
        name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert named == read


def test_it_stays_short() -> None:
    assert len(README.splitlines()) < 200
