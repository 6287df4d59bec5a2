"""Tasks of the type `data_processing` over real files in a folder of the test's own."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tasks.context import TaskContext
from tasks.exceptions import TaskFailed
from tasks.handlers.data_processing import DataProcessing, data_processing

Process = Callable[..., dict[str, Any]]


@pytest.fixture
def root(settings, tmp_path):
    """DATA_ROOT. What must stay out of reach lies beside it."""
    settings.DATA_ROOT = tmp_path / "data"
    settings.DATA_ROOT.mkdir()
    (tmp_path / "secret.csv").write_text("word\nswordfish\n")
    return settings.DATA_ROOT


@pytest.fixture
def process(root) -> Process:
    """Runs a payload as an attempt does: validated, then handled."""

    def run(payload: dict[str, Any], **context: Any) -> dict[str, Any]:
        defaults: dict[str, Any] = {"task_id": uuid.uuid4(), "attempt": 1, "timeout": 600.0}
        ctx = TaskContext(type="data_processing", **(defaults | context))
        return data_processing(ctx, DataProcessing.model_validate(payload))

    return run


@pytest.fixture
def rows_after(process) -> Callable[..., list[dict[str, Any]]]:
    """Returns the rows that come out of the steps."""

    def run(rows: list[dict[str, Any]], *steps: dict[str, Any]) -> list[dict[str, Any]]:
        return process({"source": {"rows": rows}, "steps": list(steps)})["rows"]

    return run


@pytest.fixture
def failure_of(process) -> Callable[..., TaskFailed]:
    """Returns the failure that a payload ends in."""

    def run(payload: dict[str, Any], **context: Any) -> TaskFailed:
        with pytest.raises(TaskFailed) as raised:
            process(payload, **context)
        return raised.value

    return run
