"""Celery with prefork pools: with django-celery-results, or bare; over RabbitMQ, or over files and SQLite."""

import os
import socket
from collections.abc import Sequence
from pathlib import Path

from bench.comparing.contestants.contestant import (
    BIN,
    ForeignContestant,
    create_database,
    idle_figures,
)
from bench.installation import POOL_PROCESSES, Installation
from bench.processes import BenchFailed, output_of

PREFETCH = 4  # Celery's default
WITHIN = 60.0  # seconds


class CeleryContestant(ForeignContestant):
    def __init__(
        self, key: str, title: str, installation: Installation, *, stores: bool = False, confirms: bool = True
    ) -> None:
        super().__init__(key, title, installation)
        self._stores, self._confirms = stores, confirms
        self._app = "django_celery" if stores else "bare_celery"
        self.variables |= {
            "COMPARE_CONFIRMS": "yes" if confirms else "no",
            "COMPARE_PREFETCH": str(PREFETCH),
            "DJANGO_SETTINGS_MODULE": "bench.comparing.programs.django_settings" if stores else "",
        }

    @property
    def measures(self) -> Sequence[str]:
        if self.installation.mode == "embedded":
            return ["work"]
        # Confirms are the publisher's: what its worker does is the same with them and without.
        return ["work", "idle", "http"] if self._confirms else ["work", "idle"]

    def prepare(self) -> None:
        if self.installation.mode == "embedded":
            database = f"sqlite:///{self.folder.with_name(f'{self.key}.sqlite3')}"
            broker = {"COMPARE_BROKER_URL": "filesystem://", "COMPARE_BROKER_FOLDER": str(self.folder)}
        else:
            database = create_database(os.environ["DATABASE_URL"], "celery") if self._stores else ""
            broker = {"COMPARE_BROKER_URL": os.environ["BROKER_URL"]}
        prefix = f"{os.environ.get('BROKER_NAMESPACE', 'taskyard')}.{self.key}"
        self.variables |= {**broker, "COMPARE_DATABASE_URL": database, "COMPARE_PREFIX": prefix}
        if self._stores:
            code, _ = output_of([BIN / "python", "-m", "django", "migrate", "-v", "0"], within=WITHIN, **self.variables)
            if code:
                raise BenchFailed(f"{self.title}: its migrations failed")

    def start(self, measure: str) -> None:
        if self.processes.running:
            return
        self.empty_folder()
        for name in ("messages", "control"):
            (self.folder / name).mkdir()
        app = f"bench.comparing.programs.{self._app}"
        node = f"{self.variables['COMPARE_PREFIX']}@{socket.gethostname()}"
        options = ["-n", node, "-c", str(POOL_PROCESSES), "-Q", f"{self.variables['COMPARE_PREFIX']}.warm_up"]
        command: list[str | Path] = [
            BIN / "celery",
            "-A",
            app,
            "worker",
            *options,
            "--without-gossip",
            "--without-mingle",
        ]
        self.processes.start("worker", command, **self.variables)
        self.await_ready("ready")

    def run(self, measure: str, count: int) -> dict[str, float]:
        self.variables["COMPARE_URL"] = self.installation.slow_url
        found = self.figures_of("celery_client", self._app, measure, str(count))
        match measure:
            case "work" if self._confirms:
                # Its bulk is a loop: both figures are one.
                submit, drain = dict.fromkeys(("submit_one", "submit_bulk"), found["submit"]), found["drain"]
                return {**submit, "drain_one": drain, "drain_bulk": drain}
            case "work":
                return dict.fromkeys(("submit_one", "submit_bulk"), found["submit"])
            case "idle":
                return idle_figures(found["idle"])
            case _:
                return {"http": found["http"]}
