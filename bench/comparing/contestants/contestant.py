"""What every contestant can do, and what those share whose programs know nothing of Taskyard."""

import abc
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.installation import Installation
from bench.percentile import percentile
from bench.processes import BenchFailed, Processes, output_of

BIN = Path(sys.executable).parent
READY_WITHIN = 90.0  # seconds
MEASURE_WITHIN = 3_600.0  # the programs give up themselves when nothing goes on


class Contestant(abc.ABC):
    """`prepare` once; then in each round `start`, some measures, `stop`."""

    def __init__(self, key: str, title: str, installation: Installation) -> None:
        self.key, self.title, self.installation = key, title, installation

    @property
    @abc.abstractmethod
    def measures(self) -> Sequence[str]:
        """The measures that it takes part in."""

    @abc.abstractmethod
    def prepare(self) -> None: ...

    @abc.abstractmethod
    def start(self, measure: str) -> None:
        """Returns when the processes that the measure needs are ready. What the measure can share goes on running."""

    @abc.abstractmethod
    def run(self, measure: str, count: int) -> dict[str, float]:
        """Returns the figures by their keys. Raises BenchFailed where not every task was done."""

    @abc.abstractmethod
    def stop(self) -> None: ...


class ForeignContestant(Contestant):
    """One of programs of its own, which are told by the environment where they are."""

    def __init__(self, key: str, title: str, installation: Installation) -> None:
        super().__init__(key, title, installation)
        self.folder = installation.home / key
        logs = self.folder.with_name(f"{key}-log")
        logs.mkdir()
        self.processes = Processes(logs)
        self.variables = {"COMPARE_FOLDER": str(self.folder)}

    def stop(self) -> None:
        self.processes.stop()

    def empty_folder(self) -> None:
        """Counters and marks of an earlier round must not pass for this one's."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def program(self, module: str, *arguments: str) -> list[str | Path]:
        return [BIN / "python", "-m", f"bench.comparing.programs.{module}", *arguments]

    def figures_of(self, *command: str) -> dict[str, Any]:
        """Runs a submitting program and returns what it measured. Raises BenchFailed."""
        module, *arguments = command
        code, output = output_of(self.program(module, *arguments), within=MEASURE_WITHIN, **self.variables)
        self.processes.check()
        if code:
            raise BenchFailed(f"{self.title}: {' '.join(command)} ended with code {code}")
        found: dict[str, Any] = json.loads(output) if output.strip() else {}
        return found

    def await_ready(self, *marks: str) -> None:
        self.processes.wait_until(
            lambda: all((self.folder / mark).exists() for mark in marks),
            f"the workers of {self.title} are ready",
            within=READY_WITHIN,
        )


def idle_figures(waits: Sequence[float]) -> dict[str, float]:
    """Takes the milliseconds of the single tasks."""
    ordered = sorted(waits)
    return {"idle_p50": percentile(ordered, 50), "idle_p99": percentile(ordered, 99)}


def create_database(url: str, suffix: str) -> str:
    """Creates a database beside Taskyard's; its name has that one's in it, by which bin/services drops both.

    Returns its URL.
    """
    head, _, name = url.rpartition("/")
    name, question, query = name.partition("?")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{name}_{suffix}")))
    return f"{head}/{name}_{suffix}{question}{query}"
