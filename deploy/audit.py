"""Looks for known holes in the pinned packages: requirements.txt and requirements-dev.txt.

    python -m deploy.audit        exit code 0: none that is not accepted; 1: some; 3: nobody could be asked

It asks PyPI and, where that does not answer, osv.dev (OSV_URL names another one of its kind). What is accepted stands,
with the reason and the date, in accepted-vulnerabilities.toml.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ACCEPTED = ROOT / "accepted-vulnerabilities.toml"
FILES = ("requirements.txt", "requirements-dev.txt")
IMPOSSIBLE = 3


def main() -> int:
    services = [["--vulnerability-service", "pypi"], ["--vulnerability-service", "osv"]]
    if url := os.environ.get("OSV_URL"):
        services = [["--vulnerability-service", "osv", "--osv-url", url]]
    why = []
    for service in services:
        if reason := not_in_reach(service):
            why.append(f"{service[1]}: {reason}")
            continue
        report, reason = ask(service, *FILES)
        if report is None:
            why.append(f"{service[1]}: {reason}")
            continue
        lines = list(verdict(report, accepted()))
        print("\n".join(lines) or f"{len(report['dependencies'])} packages have no known hole ({service[1]})")
        return 1 if lines else 0
    print(f"NOT AUDITED: nobody could be asked for known holes in the packages. {'; '.join(why)}")
    return IMPOSSIBLE


def not_in_reach(service: list[str]) -> str:
    """Returns why the service says nothing, "" where it answers. One package tells: a mirror often has no such data."""
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "one.txt"
        one.write_text(next(line.split()[0] for line in (ROOT / FILES[0]).read_text().splitlines() if "==" in line))
        report, reason = ask(service, str(one))
    if report is None:
        return reason
    [package] = report["dependencies"]
    return str(package.get("skip_reason", ""))


def ask(service: list[str], *files: str) -> tuple[dict[str, Any] | None, str]:
    """Returns pip-audit's report, or None and why there is none."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        *service,
        "--format",
        "json",
        "--progress-spinner",
        "off",
        "--no-deps",
    ]
    command += ["--disable-pip", "--timeout", "15", *(word for file in files for word in ("--requirement", file))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    try:
        return json.loads(done.stdout), ""
    except ValueError:
        return None, (done.stderr.strip().splitlines() or ["it said nothing"])[-1][:200]


def accepted() -> dict[str, dict[str, Any]]:
    """Returns what stands in the file, by the hole's id. Raises KeyError for one without package, reason or date."""
    entries = tomllib.loads(ACCEPTED.read_text()).get("accepted", [])
    return {each["id"]: {key: each[key] for key in ("package", "reason", "date")} for each in entries}


def verdict(report: dict[str, Any], accepted: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Yields a line for each hole that is not accepted, each package not looked at, and each needless acceptance."""
    met = set()
    for package in report["dependencies"]:
        if "skip_reason" in package:
            yield f"{package['name']} was not looked at: {package['skip_reason']}"
        for hole in package.get("vulns", []):
            names = {hole["id"], *hole["aliases"]}
            if agreed := names & accepted.keys():
                met |= agreed
                continue
            repaired = ", ".join(hole["fix_versions"]) or "no version yet"
            yield f"{package['name']} {package['version']} has {hole['id']}, repaired in {repaired}"
    for name in sorted(accepted.keys() - met):
        yield f"{name} is accepted and no longer found: remove it from {ACCEPTED.name}"


if __name__ == "__main__":
    sys.exit(main())
