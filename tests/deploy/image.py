"""The image as its Dockerfile makes it, in a root folder: each RUN step of the stages taskyard and packages is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.deploy.packaging import ROOT, Stage, copy_context, image_environment, stages
from tests.deploy.root_folder import PATH, RootFolder

USER = 10001
WORKDIR = "/srv/taskyard"


class Image:
    """What was run stands in `steps`, with what it printed."""

    def __init__(self, folder: Path) -> None:
        scratch = folder / "parsed"
        scratch.mkdir()
        self.root = RootFolder(folder)
        self.stages = stages(scratch)
        self.environment = image_environment(self.stages, "taskyard", PATH)
        self.steps: dict[str, str] = {}
        self.root.inside(WORKDIR).mkdir(parents=True)
        self._make("base")
        self._make("packages")
        self.root.install(re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
        self._make("taskyard")

    def _make(self, name: str) -> None:
        stage: Stage = self.stages[name]
        for instruction, value in stage.instructions:
            if instruction == "COPY" and value == ". ./":
                copy_context(self.root.inside(WORKDIR))
            elif instruction == "COPY" and value == "requirements.txt ./":
                self.root.inside(
                    WORKDIR,
                ).joinpath("requirements.txt").write_bytes((ROOT / "requirements.txt").read_bytes())
            elif instruction == "COPY":
                assert value == "--from=packages /opt/venv /opt/venv"
            elif instruction == "RUN":
                self.steps[value] = self._run(value)

    def _run(self, step: str) -> str:
        if not step.startswith("pip "):
            return self.root.run(
                ["sh", "-c", step], cwd=WORKDIR, environment=image_environment(self.stages, "base", PATH)
            )
        # In this system itself, whose settings name its package index; it resolves and compares the hashes of the real
        # step, and unpacks nothing: that takes half a minute, and bin/bootstrap has done it with the same file.
        words = step.replace("/opt/venv", str(self.root.inside("/opt/venv"))).replace(" --no-cache-dir", "").split()
        kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()}
        done = subprocess.run(
            [sys.executable, "-m", *words, "--dry-run", "--quiet", "--report", "-"],
            cwd=self.root.inside(WORKDIR), env={**kept, "PATH": PATH, "HOME": os.environ.get("HOME", "/")},
            capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout
