"""requirements*.txt are what bin/compile-requirements makes of the .in files, as far as can be told offline."""

import re
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FILES = ("requirements", "requirements-dev")


def asked_for(name: str) -> list[Requirement]:
    lines = [line.partition("#")[0].strip() for line in (ROOT / f"{name}.in").read_text().splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def pinned(name: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / f"{name}.txt").read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


def needed(asked: list[Requirement]) -> set[str]:
    """Returns what these need in this environment, and what that needs, by what is installed."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(each, "") for each in asked]
    while waiting:
        requirement, of_extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": of_extra}):
            continue
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += [(Requirement(text), extra) for text in distribution(name).requires or []]
        found.add(name)
    return found


@pytest.mark.parametrize("name", FILES)
def test_what_is_asked_for_is_pinned_within_its_bounds(name: str) -> None:
    pins = pinned(name)
    for requirement in asked_for(name):
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {name}.txt: bin/compile-requirements"
        assert requirement.specifier.contains(version, prereleases=True), requirement


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the pins are made with Python 3.11")
@pytest.mark.parametrize("name", FILES)
def test_what_is_pinned_is_what_is_needed(name: str) -> None:
    assert set(pinned(name)) == needed(asked_for(name))


def test_both_files_have_the_same_versions() -> None:
    ours, dev = (pinned(name) for name in FILES)
    assert {name: version for name, version in dev.items() if ours.get(name, version) != version} == {}


@pytest.mark.parametrize("name", FILES)
def test_each_pin_has_the_hashes_of_its_files(name: str) -> None:
    blocks = re.split(r"\n(?=[\w.-]+==)", (ROOT / f"{name}.txt").read_text())[1:]
    assert len(blocks) == len(pinned(name))
    assert [block for block in blocks if "--hash=sha256:" not in block] == []
