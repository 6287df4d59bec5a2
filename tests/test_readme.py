"""What the README says of the code is what the code says. Its curl lines are run by tests/embedded/test_readme.py."""

import os
import re
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from tasks.states import FIRST, MOVES
from tests.servers import Certificates

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
    read = {name for name in settings.VARIABLES if name.removesuffix("_FILE") in (name, *_NO_SETTING)}
    table = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").partition("\n## ")[0]
    named = {
        name for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert named == read


# The files that are settings themselves, and not where one is read from.
_NO_SETTING = [f"{server}_{part}" for server in ("DATABASE", "BROKER") for part in ("CA", "CERT", "KEY")]


def test_the_production_settings_are_clean(tmp_path: Path) -> None:
    block = README.split("## Settings")[1].split("```sh\n")[1].split("```")[0]
    variables = dict(re.findall(r"^([A-Z_]+)=(\S+)", block, re.MULTILINE))
    assert len(variables) == len(block.splitlines())
    authority = Certificates(tmp_path / "certificates").authority.read_text()
    secrets = {"SECRET_KEY_FILE": "an.example.of.a.key" * 4, "FLOWER_BASIC_AUTH_FILE": "user:password"}
    for name in [each for each in variables if each.endswith("_FILE")]:
        path = tmp_path / Path(variables[name]).name
        path.write_text(secrets.get(name, authority))
        variables[name] = str(path)
    kept = {name: value for name, value in os.environ.items() if name not in settings.VARIABLES}
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env={**kept, "TASKYARD_HOME": str(tmp_path), **variables}, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


def test_it_stays_short() -> None:
    assert len(README.splitlines()) < 200
