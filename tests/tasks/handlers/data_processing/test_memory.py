"""A query is ended before it takes the machine's memory. Each runs in a process of its own, which measures itself."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.embedded  # real programs or much data

ROOT = Path(__file__).resolve().parents[4]

SCRIPT = """
import json, sys, threading, time, uuid
import django
django.setup()
from tasks import registry
from tasks.context import TaskContext
from tasks.exceptions import TaskFailed
from tasks.states import FailureCategory

handler = registry.get("data_processing")

def run(payload):
    ctx = TaskContext(task_id=uuid.uuid4(), type="data_processing", attempt=1, timeout=100)
    try:
        return handler.function(ctx, handler.payload.model_validate(payload))
    except TaskFailed as failure:
        return {"failure": str(failure), "category": failure.category, "retryable": failure.retryable}

results = [run(payload) for payload in json.loads(sys.argv[1])]
until = time.monotonic() + 20
while any(thread.name.startswith("data_processing") for thread in threading.enumerate()) and time.monotonic() < until:
    time.sleep(0.01)
import polars
with open("/proc/self/status") as file:
    peak = next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM"))
print(json.dumps({"results": results, "peak": peak, "threads": polars.thread_pool_size()}))
"""


def run_apart(data: Path, *payloads: dict[str, Any], **environment: str) -> dict[str, Any]:
    inherited = {name: value for name, value in os.environ.items() if name != "POLARS_MAX_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(payloads)],
        cwd=ROOT,
        env=inherited | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATA_ROOT": str(data)} | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def many_rows(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """A million million rows out of two thousand."""
    rows = {"rows": [{"a": number} for number in range(1_000)]}
    crossed = [{"op": "join", "how": "cross", "suffix": f"_{n}", "with": rows} for n in range(3)]
    return {"source": rows, "steps": [*crossed, *steps], "sink": {"path": "out.parquet"}}


@pytest.mark.timeout(120)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured by Linux' /proc")
@pytest.mark.parametrize(
    "step",
    [
        {"op": "sort", "by": ["a_0"]},
        {"op": "aggregate", "by": ["a", "a_0", "a_1", "a_2"], "metrics": {"n": "count(*)"}},
    ],
    ids=lambda step: step["op"],
)
def test_what_would_take_all_memory_is_ended_and_the_process_goes_on(tmp_path, step):
    little = {"source": {"rows": [{"a": 1}]}}
    found = run_apart(tmp_path, many_rows([step]), little, DATA_MEMORY_LIMIT="192", DATA_THREADS="3")
    failed, after = found["results"]
    assert "the limit is 192 MiB (DATA_MEMORY_LIMIT)" in failed["failure"]
    assert (failed["category"], failed["retryable"]) == ("code_error", False)
    assert after["rows"] == [{"a": 1}]
    assert found["peak"] < 2 * 192
    assert found["threads"] == 3
    assert list(tmp_path.iterdir()) == []


LEFT_BEHIND = """
import threading, time
import django
django.setup()
from tasks.handlers.data_processing.frames import memory
memory.guard_what_is_left(threading.Event())
held = bytearray(b"x") * (3 * 128 * 1024 * 1024)
time.sleep(60)
"""


@pytest.mark.timeout(90)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured by Linux' /proc")
def test_a_process_ends_with_a_query_that_goes_on_growing_when_nobody_wants_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings", "DATA_MEMORY_LIMIT": "128"},
        capture_output=True,
        text=True,
        timeout=80,
    )
    assert done.returncode == -signal.SIGKILL
    assert "the process ends with it" in done.stderr


def test_a_query_does_not_start_in_a_process_that_is_full_already(settings, monkeypatch, failure_of):
    from tasks.handlers.data_processing.frames import memory

    settings.DATA_MEMORY_LIMIT = 1
    monkeypatch.setattr(memory, "PATIENCE", 0.1)
    failure = failure_of({"source": {"rows": [{"a": 1}]}})
    assert "before the query the process held" in str(failure)
    assert (failure.category, failure.retryable) == ("code_error", True)
