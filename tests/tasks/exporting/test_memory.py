"""An export of a hundred thousand rows takes the memory of one of twenty thousand."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.exporting import Format

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(900)]  # much data

ROOT = Path(__file__).resolve().parents[3]
ROWS = 100_000
GROWTH = 8 * 1024  # KiB between a fifth of them and all; kept, the dead letters alone would take ten times that


def test_an_export_grows_with_its_file_and_not_in_memory(tmp_path: Path) -> None:
    elsewhere = {"DATABASE_URL", "BROKER_URL", "BROKER_NAMESPACE"}
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere}
    done = subprocess.run(
        [sys.executable, "-m", "tests.tasks.exporting.exporting_process", str(ROWS)],
        cwd=ROOT,
        env=environment | {"TASKYARD_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert set(seen) == set(Format.values)
    for form, figures in seen.items():
        assert figures["rows"] == ROWS
        assert figures["bytes"] > 2_000_000
        assert figures["early"] > 0
        # The kernel counts each processor's pages by themselves, and sums them up now and then: it may even be less.
        assert figures["all"] - figures["early"] < GROWTH, f"{form}: {figures}"
