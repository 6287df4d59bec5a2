"""Procrastinate: two worker processes that run coroutines, on a database of its own."""

import os
from collections.abc import Sequence

from bench.comparing.contestants.contestant import ForeignContestant, create_database, idle_figures
from bench.installation import POOL_PROCESSES, Installation

# What was fastest here of several (bench/README.md).
CONCURRENCY = {"work": 10, "idle": 10, "http": 100}
POOL = {"work": 12, "idle": 12, "http": 12}


class ProcrastinateContestant(ForeignContestant):
    def __init__(self, installation: Installation) -> None:
        super().__init__("procrastinate", "Procrastinate", installation)

    @property
    def measures(self) -> Sequence[str]:
        return ["work", "idle", "http"]

    def prepare(self) -> None:
        self.variables |= {
            "COMPARE_DATABASE_URL": create_database(os.environ["DATABASE_URL"], "procrastinate"),
            "COMPARE_POOL": "4",
        }
        self.empty_folder()
        self.figures_of("procrastinate_client", "schema", "0")

    def start(self, measure: str) -> None:
        """Starts held workers for each measure anew: a coroutine that waits bears more of its kind than a no-op."""
        self.processes.stop()
        self.empty_folder()
        self.variables["COMPARE_POOL"] = str(POOL[measure])
        for number in range(POOL_PROCESSES):
            command = self.program("procrastinate_worker", str(number), str(CONCURRENCY[measure]))
            self.processes.start(f"worker_{number}", command, **self.variables)
        self.await_ready(*(f"ready_{number}" for number in range(POOL_PROCESSES)))

    def run(self, measure: str, count: int) -> dict[str, float]:
        self.variables["COMPARE_URL"] = self.installation.slow_url
        found = self.figures_of("procrastinate_client", measure, str(count))
        match measure:
            case "work":
                # Both ways of submitting leave the same rows: both drains are one.
                drains = dict.fromkeys(("drain_one", "drain_bulk"), found.pop("drain"))
                return {**found, **drains}
            case "idle":
                return idle_figures(found["idle"])
            case _:
                return {"http": found["http"]}
