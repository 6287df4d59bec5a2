"""A package installed beside Taskyard adds an operation by its name, which payload and API know."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tasks.test_registry import install

pytestmark = pytest.mark.embedded  # real programs or much data

ROOT = Path(__file__).resolve().parents[4]

PACKAGE = """
from typing import Literal
from tasks.handlers.data_processing.operations import OperationPayload, operation
from tasks.handlers.data_processing.paths import DataPath

class Count(OperationPayload):
    operation: Literal["count_lines"] = "count_lines"
    path: DataPath

@operation("count_lines", payload=Count)
def count_lines(ctx, payload):
    from tasks.handlers.data_processing.files import open_source
    with open(open_source(payload.path), "rb") as file:
        lines = sum(1 for line in file)
    ctx.progress(1.0, "counted")
    return {"lines": lines}
"""
SCRIPT = """
import json, sys, uuid
import django
django.setup()
from tasks import registry
from tasks.api.shapes import type_shape
from tasks.context import TaskContext
handler = registry.get("data_processing")
assert "polars" not in sys.modules
ctx = TaskContext(task_id=uuid.uuid4(), type="data_processing", attempt=1, timeout=60)
result = handler.function(ctx, handler.payload.model_validate({"operation": "count_lines", "path": "in.csv"}))
try:
    handler.payload.model_validate({"operation": "count_lines", "path": "../in.csv"})
except ValueError as error:
    refused = str(error)
print(json.dumps({"result": result, "refused": refused, "shape": type_shape(handler, known_online=True)}))
"""


def test_an_installed_package_adds_an_operation(tmp_path):
    packages, data = tmp_path / "packages", tmp_path / "data"
    packages.mkdir()
    data.mkdir()
    (data / "in.csv").write_text("a\n1\n2\n")
    install(packages, "counting", PACKAGE)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": str(packages), "DATA_ROOT": str(data), "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["result"] == {"lines": 3}
    assert "may not climb out of its folder" in said["refused"]
    assert "count_lines" in json.dumps(said["shape"])
